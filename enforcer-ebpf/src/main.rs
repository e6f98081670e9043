//! The tc programs.
#![no_std]
#![no_main]
