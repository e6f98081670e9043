//! What the kernel and the agent share.
#![no_std]
