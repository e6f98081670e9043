//! The first process of the virtual machines of `cargo xtask vm`. It prints to the kernel's console; when it ends, the
//! kernel panics, which ends the machine.

fn main() -> anyhow::Result<()> {
    enforcer_tests::vm::init::run()
}
