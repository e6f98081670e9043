//! For benchmarks: packets that a pod sends, as fast as one processor can have them forwarded, and a sink for them
//! (`enforcer-ebpf/src/generator`). Needs Linux 5.18, the first with test runs on live frames.

use std::time::Duration;

use aya::{
    Ebpf, EbpfLoader, include_bytes_aligned,
    maps::{Array, MapData},
    programs::TestRunAttrs,
    programs::{
        ProgramError, TcAttachType, TestRun as _, TestRunOptions, Xdp,
        tc::{self, SchedClassifierLink},
    },
    util::KernelVersion,
};

use super::{DataplaneError, Hook, load::program, maps::take};

pub(super) static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/generator"));

/// Bytes of a frame, from its Ethernet header on.
pub const FRAME_LENGTH: usize = 64;

/// Packets that the kernel takes at a time: those of one NAPI poll.
const BATCH: u32 = 64;

/// Its programs, loaded.
pub struct Generator {
    ebpf: Ebpf,
    frame: Array<MapData, [u8; FRAME_LENGTH]>,
}

/// An end of the packets' way: a pod's own end of its veth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorEnd {
    /// It sends what it is made to receive.
    Source,
    /// It drops what it receives.
    Sink,
}

/// An end's program on its interface. It must be dropped in the network namespace of that interface: before 6.6
/// detaching asks for the interface by its index.
#[derive(Debug)]
pub struct GeneratorLink {
    _link: SchedClassifierLink,
}

impl GeneratorEnd {
    const fn program(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }
}

impl Generator {
    /// Whether this kernel can.
    #[must_use]
    pub fn is_supported() -> bool {
        KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(5, 18, 0))
    }

    /// Loads it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn load() -> Result<Self, DataplaneError> {
        let mut ebpf =
            EbpfLoader::new().load(OBJECT).map_err(|source| DataplaneError::Load(Box::new(source)))?;
        for end in [GeneratorEnd::Source, GeneratorEnd::Sink] {
            program(&mut ebpf, end.program())?.load().map_err(refused(end.program()))?;
        }
        generate(&mut ebpf)?.load().map_err(refused("generate"))?;
        Ok(Self { frame: take(&mut ebpf, "FRAME")?, ebpf })
    }

    /// Makes an interface of this thread's network namespace an end. Only frames of [`FRAME_LENGTH`] are concerned.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn attach(&mut self, end: GeneratorEnd, interface: &str) -> Result<GeneratorLink, DataplaneError> {
        let hook = Hook::best();
        if hook == Hook::Clsact {
            // An error here is "it is there already", or the attach below fails with the reason.
            let _added = tc::qdisc_add_clsact(interface);
        }
        let own = program(&mut self.ebpf, end.program())?;
        let link = own
            .attach_with_options(interface, TcAttachType::Ingress, hook.options())
            .and_then(|id| own.take_link(id))
            .map_err(|source| DataplaneError::Attach {
                program: end.program(),
                interface: interface.to_owned(),
                source: Box::new(source),
            })?;
        Ok(GeneratorLink { _link: link })
    }

    /// A source, of this thread's network namespace and by its index, sends a frame so many times. Returns the mean
    /// time until one has gone its way, which this processor goes for it. The kernel tells it in whole nanoseconds,
    /// without the milliseconds that preparing a run takes, and those in which others had the processor.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn send(
        &mut self,
        interface: u32,
        frame: &[u8; FRAME_LENGTH],
        count: u32,
    ) -> Result<Duration, DataplaneError> {
        self.frame.set(0, frame, 0).map_err(DataplaneError::map("FRAME"))?;
        let context = context(interface);
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&context),
            repeat: count,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        };
        let program = generate(&mut self.ebpf)?;
        Ok(program.test_run(options).map_err(refused("generate"))?.duration)
    }
}

/// `struct xdp_md` (linux/bpf.h): data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
fn context(interface: u32) -> [u8; 24] {
    let length = u32::try_from(FRAME_LENGTH).unwrap_or(0);
    let mut bytes = [0; 24];
    bytes.copy_from_slice([0, length, 0, interface, 0, 0].map(u32::to_ne_bytes).as_flattened());
    bytes
}

fn generate(ebpf: &mut Ebpf) -> Result<&mut Xdp, DataplaneError> {
    let program = ebpf.program_mut("generate").ok_or(DataplaneError::Missing("generate"))?;
    program.try_into().map_err(refused("generate"))
}

fn refused(program: &'static str) -> impl FnOnce(ProgramError) -> DataplaneError {
    move |source| DataplaneError::Program { program, source: Box::new(source) }
}
