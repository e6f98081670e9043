//! How large the programs are: to the verifier, and as native code.

use crate::{
    bench::recorder::{Figure, Recorder},
    node::Kernel,
};

pub(super) fn run(out: &mut Recorder) -> anyhow::Result<()> {
    if !out.wants("size") {
        return Ok(());
    }
    for (name, verified, native) in Kernel::load()?.dataplane.sizes()? {
        let case = format!("size/{name}");
        // Kernels before 5.16 do not tell how much the verifier walked.
        if let Some(verified) = verified {
            let figure = Figure { case: &case, metric: "verified", unit: "instructions", bar: None };
            out.note(figure, vec![f64::from(verified)], None)?;
        }
        let figure = Figure { case: &case, metric: "native-code", unit: "bytes", bar: None };
        out.note(figure, vec![f64::from(native)], None)?;
    }
    Ok(())
}
