//! For benchmarks: packets that an interface receives, as fast as one processor can have them forwarded, and a sink
//! for them (`enforcer-ebpf/src/generator`). Needs Linux 5.18, the first with test runs on live frames.

use std::time::{Duration, Instant};

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

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/generator"));

/// Bytes of a frame, from its Ethernet header on.
pub const FRAME_LENGTH: usize = 64;

/// Packets that the kernel takes at a time: those of one NAPI poll.
const BATCH: u32 = 64;

/// The source, loaded.
pub struct Generator {
    ebpf: Ebpf,
    frame: Array<MapData, [u8; FRAME_LENGTH]>,
}

/// The sink on an interface. It must be dropped in the network namespace of that interface: before 6.6 detaching asks
/// for the interface by its index.
#[derive(Debug)]
pub struct Sink {
    _link: SchedClassifierLink,
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
        program(&mut ebpf, "sink")?.load().map_err(refused("sink"))?;
        generate(&mut ebpf)?.load().map_err(refused("generate"))?;
        Ok(Self { frame: take(&mut ebpf, "FRAME")?, ebpf })
    }

    /// Has an interface of this thread's network namespace drop the frames that it receives.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn sink(&mut self, interface: &str) -> Result<Sink, DataplaneError> {
        let hook = Hook::best();
        if hook == Hook::Clsact {
            // An error here is "it is there already", or the attach below fails with the reason.
            let _added = tc::qdisc_add_clsact(interface);
        }
        let sink = program(&mut self.ebpf, "sink")?;
        let link = sink
            .attach_with_options(interface, TcAttachType::Ingress, hook.options())
            .and_then(|id| sink.take_link(id))
            .map_err(|source| DataplaneError::Attach {
                program: "sink",
                interface: interface.to_owned(),
                source: Box::new(source),
            })?;
        Ok(Sink { _link: link })
    }

    /// An interface of this thread's network namespace, by its index, receives a frame so many times. Returns how long
    /// it took until all had gone their way, which this processor goes for them.
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
        let begun = Instant::now();
        program.test_run(options).map_err(refused("generate"))?;
        Ok(begun.elapsed())
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
