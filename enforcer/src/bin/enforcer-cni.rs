//! The chained CNI plugin.

use std::process::ExitCode;

fn main() -> ExitCode {
    enforcer::cni::plugin::main()
}
