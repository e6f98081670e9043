//! Manifests of a real application, where the machine has them: `ENFORCER_TEST_DATA` is a folder
//! that holds Google's Online Boutique as `online-boutique`.

use enforcer::source::manifest::Folder;

#[test]
fn reads_online_boutique_without_a_problem() {
    let Some(data) = std::env::var_os("ENFORCER_TEST_DATA") else { return };
    let reading = Folder::new(std::path::Path::new(&data).join("online-boutique")).read();
    assert_eq!(reading.problems, []);
    let objects: Vec<(&str, usize)> =
        reading.counts.objects.iter().map(|(kind, count)| (*kind, *count)).collect();
    assert_eq!(objects, [("Deployment", 12), ("NetworkPolicy", 13), ("Service", 12)]);
}
