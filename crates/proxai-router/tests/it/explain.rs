//! K5: what `proxai route` prints.

use proxai_router::{RouteSpec, Table, explain, resolve};
use proxai_types::Protocol;

use crate::{chat, default_to, route, spec};

#[test]
fn an_explanation_shows_every_step_and_ends_in_the_same_plan() {
    let guarded = RouteSpec {
        name: Some("claude".to_owned()),
        request_protocol: Some(Protocol::Messages),
        ..route("m*", "a")
    };
    let mut spec = spec(vec![guarded, route("gpt-*", "b")]);
    spec.default = Some(default_to("c", None));
    let table = Table::build(spec).unwrap();
    let found = explain(&table, &chat("mistral"));
    assert_eq!(found.result, resolve(&table, &chat("mistral")));
    assert_eq!(
        found.to_string(),
        "route 1 `claude`: takes only messages requests, this is chat\n\
         route 2 `gpt-*`: does not match\n\
         provider prefix: does not match\n\
         declared model: does not match\n\
         protocol default: not configured\n\
         default: takes it\n\
         attempt 1: provider `c`, model `mistral`\n"
    );
    let found = explain(&table, &chat("gpt-5"));
    assert_eq!(
        found.steps.len(),
        2,
        "nothing is tried after the rule that takes it"
    );
    assert!(
        found
            .to_string()
            .ends_with("attempt 1: provider `b`, model `gpt-5`\n")
    );
}

#[test]
fn an_explanation_of_nothing_says_so() {
    let table = Table::build(spec(Vec::new())).unwrap();
    let text = explain(&table, &chat("m")).to_string();
    assert!(
        text.contains("nowhere: no provider takes model `m`"),
        "{text}"
    );
}
