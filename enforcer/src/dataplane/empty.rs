//! For benchmarks: a program that does nothing, on both hooks of an interface. What is left between it and the agent's
//! programs is theirs; what is between it and no program is the hook's.

use aya::{
    Ebpf, EbpfLoader,
    programs::{
        TcAttachType,
        tc::{self, SchedClassifierLink},
    },
};

use super::{DataplaneError, Hook, generator::OBJECT, load::program};

const PROGRAM: &str = "empty";

/// The program, and where it is attached; dropping it detaches. On clsact that must happen in the interfaces' network
/// namespace, or with it.
pub struct EmptyHooks {
    ebpf: Ebpf,
    links: Vec<SchedClassifierLink>,
}

impl EmptyHooks {
    /// Loads it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load() -> Result<Self, DataplaneError> {
        let mut ebpf =
            EbpfLoader::new().load(OBJECT).map_err(|source| DataplaneError::Load(Box::new(source)))?;
        program(&mut ebpf, PROGRAM)?
            .load()
            .map_err(|source| DataplaneError::Program { program: PROGRAM, source: Box::new(source) })?;
        Ok(Self { ebpf, links: Vec::new() })
    }

    /// Attaches it where the agent attaches its own: both hooks of an interface of this thread's network namespace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(&mut self, interface: &str) -> Result<(), DataplaneError> {
        let hook = Hook::best();
        if hook == Hook::Clsact {
            // An error here is "it is there already", or the attach below fails with the reason.
            let _added = tc::qdisc_add_clsact(interface);
        }
        let own = program(&mut self.ebpf, PROGRAM)?;
        for side in [TcAttachType::Ingress, TcAttachType::Egress] {
            let link = own
                .attach_with_options(interface, side, hook.options())
                .and_then(|id| own.take_link(id))
                .map_err(|source| DataplaneError::Attach {
                    program: PROGRAM,
                    interface: interface.to_owned(),
                    source: Box::new(source),
                })?;
            self.links.push(link);
        }
        Ok(())
    }
}
