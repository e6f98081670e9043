//! The node agent.
fn main() -> anyhow::Result<()> {
    let mut d = enforcer::dataplane::Dataplane::load(Default::default())?;
    println!("{:?} {:?}", d.sizes()?, d.clock()?);
    Ok(())
}
