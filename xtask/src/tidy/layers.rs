//! A dependency goes from a higher layer to a strictly lower one.
//!
//! Dev-dependencies are free, since a test may look at anything, with two limits: nothing
//! depends on the crates at the top, and the test kit never gets into a library. Automation may
//! link it: nothing of that is shipped.

use super::Finding;
use super::metadata::Workspace;

/// Nothing depends on these, tests included: what they need of each other is in the layer below.
const TOPS: [&str; 2] = ["proxai", "proxai-server"];
/// `proxai` is the binary around `proxai-server`.
const TOP_EDGE: (&str, &str) = ("proxai", "proxai-server");
const TEST_KIT: &str = "proxai-testkit";

pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members() {
        let name = package.name.as_str();
        let place = package.place();
        if place.is_none() && package.in_crates() {
            findings.push(Finding::new(
                name,
                "declares no place: add `layer` and `sans_io` under [package.metadata.proxai]",
            ));
        }
        for dependency in &package.dependencies {
            let Some(target) = workspace.member(&dependency.name) else {
                continue;
            };
            let target_name = target.name.as_str();
            if TOPS.contains(&target_name) && (name, target_name) != TOP_EDGE {
                findings.push(Finding::new(
                    name,
                    format!("depends on {target_name}, which is at the top: move what is shared into a lower crate"),
                ));
                continue;
            }
            if dependency.is_dev() {
                continue;
            }
            if target_name == TEST_KIT && package.in_crates() {
                findings.push(Finding::new(
                    name,
                    format!("links {TEST_KIT}: it may only be a dev-dependency"),
                ));
                continue;
            }
            if let (Some(from), Some(to)) = (place, target.place())
                && from.layer <= to.layer
            {
                findings.push(Finding::new(
                    name,
                    format!(
                        "is in layer {} and depends on {target_name} in layer {}: dependencies go strictly downwards",
                        from.layer, to.layer
                    ),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Member, member, places, workspace};
    use super::*;

    #[test]
    fn a_downward_edge_is_fine() {
        let ws = workspace(
            &[
                member("proxai-json", 1, &[]),
                member("proxai-chat", 2, &[("proxai-json", "normal")]),
            ],
            &[],
        );
        assert_eq!(check(&ws), []);
    }

    #[test]
    fn an_upward_or_sideways_edge_is_found() {
        let ws = workspace(
            &[
                member("proxai-json", 1, &[("proxai-chat", "normal")]),
                member("proxai-chat", 2, &[("proxai-messages", "build")]),
                member("proxai-messages", 2, &[]),
            ],
            &[],
        );
        assert_eq!(places(&check(&ws)), ["proxai-json", "proxai-chat"]);
    }

    #[test]
    fn a_dev_dependency_may_go_upwards_but_not_to_the_top() {
        let ws = workspace(
            &[
                member(
                    "proxai-json",
                    1,
                    &[("proxai-chat", "dev"), ("proxai-server", "dev")],
                ),
                member("proxai-chat", 2, &[]),
                member("proxai-server", 7, &[]),
                member("proxai", 8, &[("proxai-server", "normal")]),
            ],
            &[],
        );
        let findings = check(&ws);
        assert_eq!(places(&findings), ["proxai-json"]);
        assert!(findings[0].problem.contains("proxai-server"));
    }

    #[test]
    fn the_test_kit_is_only_for_tests() {
        let ws = workspace(
            &[
                member("proxai-testkit", 0, &[]),
                member("proxai-sse", 1, &[("proxai-testkit", "dev")]),
                member("proxai-json", 1, &[("proxai-testkit", "normal")]),
            ],
            &[],
        );
        assert_eq!(places(&check(&ws)), ["proxai-json"]);
    }

    #[test]
    fn a_crate_without_a_layer_is_found_and_the_automation_needs_none() {
        let nowhere = |name| Member {
            name,
            layer: None,
            sans_io: false,
            dependencies: &[],
        };
        let ws = workspace(&[nowhere("proxai-new"), nowhere("xtask")], &[]);
        assert_eq!(places(&check(&ws)), ["proxai-new"]);
    }
}
