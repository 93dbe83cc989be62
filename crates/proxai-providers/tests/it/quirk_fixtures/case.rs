//! One case: what it states, what it holds against a provider, and what of it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proxai_providers::headers::{Hop, passes};
use proxai_providers::quirks::{HostedTool, StreamSupport, request_edits};
use proxai_providers::{
    Applied, HttpVersion, Key, Provider, ProviderOverride, Quirks, Row, Secret,
};
use proxai_types::Protocol;
use serde::Deserialize;

/// The key of every provider in a case.
const KEY: &str = "sk-fixture";

/// What every parameter of a base URL is.
const PARAMETER: &str = "harbour";

/// Stands for the model in the files of a case that is about several.
const MODEL: &str = "{model}";

/// `case.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    title: String,
    /// What the vendor does without the quirk, and what must come of it.
    what: String,
    spec: Vec<String>,
    /// The vendor's page; the row says when it was checked.
    source: String,
    /// Further rows it holds for.
    #[serde(default)]
    also: Vec<String>,
    /// The models it holds for; any one where none is named.
    #[serde(default)]
    models: Vec<String>,
    /// The protocol that facts are about; requests carry theirs in their name.
    protocol: Option<String>,
    /// What the configuration says of the provider.
    #[serde(default)]
    config: ProviderOverride,
    #[serde(default)]
    expect: Expect,
}

/// Facts that are no change of a body, and the quirks that report one.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    /// Quirks that say they changed the request (T4).
    changes: BTreeSet<String>,
    http: Option<HttpVersion>,
    /// Whether there is another endpoint to try where the one asked for is missing.
    responses_fallback: Option<bool>,
    user_agent: Option<String>,
    stream: Option<StreamSupport>,
    final_error_codes: Vec<String>,
    /// The header that carries the key, `none` if nothing does.
    auth: Option<String>,
    /// The variable that the key is taken from.
    variable: Option<String>,
    key_required: Option<bool>,
    headers: BTreeMap<String, String>,
    /// Client headers that reach this upstream.
    forwards: Vec<String>,
    reasoning_fields: Option<Vec<String>>,
    think_tags: Option<bool>,
    custom_tools: Option<bool>,
    web_search: Option<bool>,
    adaptive_accepted: Option<bool>,
    system_turns: Option<bool>,
    repair_responses: Option<bool>,
    image_urls: Option<bool>,
    file_urls: Option<bool>,
}

/// A folder under `fixtures/quirk/<provider>/`.
pub(super) struct Case {
    pub(super) folder: PathBuf,
    /// The rows it holds for, its own first.
    pub(super) rows: Vec<String>,
    about: About,
    bodies: Vec<Body>,
}

/// One request of a case.
struct Body {
    protocol: Protocol,
    request: String,
    /// `None` where it has not been written yet.
    sent: Option<String>,
    /// An answer, and what the client gets of it.
    reply: Option<(String, String)>,
}

/// Something that a case states, and what is wrong with it if anything is.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) wrong: Option<String>,
}

impl Case {
    pub(super) fn load(provider: &str, folder: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
        let at = folder.display();
        let text = read("case.toml").unwrap_or_else(|| panic!("{at}: `case.toml` is missing"));
        let about: About = toml::from_str(&text).unwrap_or_else(|error| panic!("{at}: {error}"));
        for (key, value) in [("title", &about.title), ("what", &about.what)] {
            assert!(!value.is_empty(), "{at}: say something in `{key}`");
        }
        assert!(
            about.source.starts_with("https://"),
            "{at}: `source` is the vendor's page"
        );
        assert!(
            !about.spec.is_empty(),
            "{at}: name the requirements in `spec`"
        );
        let mut known = BTreeSet::from(["case.toml".to_owned()]);
        let mut file = |kind: &str, protocol: Protocol| {
            let name = format!("{kind}.{}.json", protocol.name());
            let text = read(&name);
            known.insert(name);
            text
        };
        let bodies = Protocol::ALL.into_iter().filter_map(|protocol| {
            let (request, sent) = (file("request", protocol), file("sent", protocol));
            let (reply, client) = (file("reply", protocol), file("client", protocol));
            Some(Body {
                protocol,
                request: request?,
                sent,
                reply: reply.zip(client),
            })
        });
        let bodies = bodies.collect();
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name), "{at}: nothing reads `{name}`");
        }
        Self {
            folder: folder.to_owned(),
            rows: [&[provider.to_owned()], &*about.also].concat(),
            about,
            bodies,
        }
    }

    /// Everything the case states, held against a row.
    pub(super) fn facts(&self, row: &Row) -> Vec<Fact> {
        let models = match self.about.models.as_slice() {
            [] => vec!["some-model".to_owned()],
            models => models.to_vec(),
        };
        let provider = self.provider(row);
        let mut facts = Vec::new();
        for model in &models {
            for body in &self.bodies {
                facts.extend(body.facts(&provider, model, &self.about.expect.changes));
            }
            self.other_facts(&provider, model, &mut facts);
        }
        assert!(
            !facts.is_empty(),
            "{}: states nothing",
            self.folder.display()
        );
        facts
    }

    /// What is wrong with the case, in lines.
    pub(super) fn wrong(&self, row: &Row) -> Vec<String> {
        let facts = self.facts(row).into_iter();
        facts
            .filter_map(|fact| Some(format!("{}: {}", fact.name, fact.wrong?)))
            .collect()
    }

    /// Writes what is sent now. The first model stands for all of a case.
    pub(super) fn bless(&self, row: &Row) {
        let model = self
            .about
            .models
            .first()
            .map_or("some-model", |model| model);
        let provider = self.provider(row);
        for body in &self.bodies {
            let sent = body
                .apply(&provider.quirks(body.protocol, model), model)
                .sent;
            let name = format!("sent.{}.json", body.protocol.name());
            let text = if body.request.contains(MODEL) {
                sent.replace(model, MODEL)
            } else {
                sent
            };
            fs::write(self.folder.join(name), text).unwrap();
        }
    }

    /// Whether a body is sent that a provider without quirks would be sent as well.
    pub(super) fn vacuous(&self) -> bool {
        self.bodies
            .iter()
            .any(|body| body.sent.as_deref() == Some(&*body.apply(&Quirks::default(), MODEL).sent))
    }

    fn provider(&self, row: &Row) -> Provider {
        let parameters: BTreeSet<&str> = (row.cells.parameters.values())
            .flat_map(|cells| match cells {
                proxai_providers::ParameterCells::Lookup(lookup) => lookup.env.as_slice(),
                proxai_providers::ParameterCells::Value(_) => &[],
            })
            .map(String::as_str)
            .collect();
        let env = |name: &str| parameters.contains(name).then(|| PARAMETER.to_owned());
        Provider::build(&row.identity.id, row, &self.about.config, &env)
            .unwrap_or_else(|error| panic!("{}: {error}", self.folder.display()))
    }

    fn other_facts(&self, provider: &Provider, model: &str, facts: &mut Vec<Fact>) {
        let protocol =
            (self.about.protocol.as_deref()).map_or(Protocol::Chat, |name| name.parse().unwrap());
        let expect = &self.about.expect;
        let quirks = provider.quirks(protocol, model);
        let mut fact = |name: &str, expected: Option<String>, found: String| {
            facts.extend(expected.map(|expected| Fact {
                name: format!("{name} ({model})"),
                wrong: (expected != found).then(|| format!("{found}, not {expected}")),
            }));
        };
        let shown = |value: Option<bool>| value.map(|value| value.to_string());
        fact(
            "http",
            expect.http.map(|http| format!("{http:?}")),
            format!("{:?}", provider.http),
        );
        fact(
            "responses_fallback",
            shown(expect.responses_fallback),
            provider.fallback(protocol, model).is_some().to_string(),
        );
        fact(
            "user_agent",
            expect.user_agent.clone(),
            quirks.user_agent().unwrap_or_default().to_owned(),
        );
        fact(
            "stream",
            expect.stream.map(|stream| format!("{stream:?}")),
            format!("{:?}", quirks.stream()),
        );
        for code in &expect.final_error_codes {
            fact(
                &format!("final error {code}"),
                shown(Some(true)),
                quirks.is_final_error(code).to_string(),
            );
        }
        fact(
            "auth",
            expect.auth.clone(),
            self.auth_line(provider, protocol),
        );
        fact(
            "key_required",
            shown(expect.key_required),
            (provider.auth.required || provider.authenticate(protocol, None).is_err()).to_string(),
        );
        let headers: BTreeMap<&str, &str> = provider.headers(protocol).collect();
        for (name, value) in &expect.headers {
            let found = headers.get(name.as_str()).copied().unwrap_or_default();
            fact(name, Some(value.clone()), found.to_owned());
        }
        for name in &expect.forwards {
            let passes = passes(Hop::Same(protocol), name, "", &provider.forward_headers);
            fact(
                &format!("forwards {name}"),
                shown(Some(true)),
                passes.to_string(),
            );
        }
        fact(
            "reasoning_fields",
            expect
                .reasoning_fields
                .as_ref()
                .map(|fields| fields.join(" ")),
            quirks
                .reasoning
                .fields()
                .iter()
                .map(|field| field.name())
                .collect::<Vec<_>>()
                .join(" "),
        );
        fact(
            "think_tags",
            shown(expect.think_tags),
            quirks.think_tags().to_string(),
        );
        fact(
            "custom_tools",
            shown(expect.custom_tools),
            quirks.custom_tools(protocol).to_string(),
        );
        fact(
            "web_search",
            shown(expect.web_search),
            quirks.hosts(HostedTool::WebSearch).to_string(),
        );
        fact(
            "adaptive_accepted",
            shown(expect.adaptive_accepted),
            quirks.reasoning.adaptive_accepted().to_string(),
        );
        fact(
            "system_turns",
            shown(expect.system_turns),
            (quirks.system_turns == Some(true)).to_string(),
        );
        fact(
            "repair_responses",
            shown(expect.repair_responses),
            quirks.repair_responses().to_string(),
        );
        fact(
            "image_urls",
            shown(expect.image_urls),
            quirks.image_urls().to_string(),
        );
        fact(
            "file_urls",
            shown(expect.file_urls),
            quirks.file_urls().to_string(),
        );
    }

    fn auth_line(&self, provider: &Provider, protocol: Protocol) -> String {
        let key = match &self.about.expect.variable {
            Some(variable) => provider
                .key_from_env(&|name| (name == variable).then(|| KEY.to_owned()))
                .unwrap_or_else(|| panic!("{}: `{variable}` holds no key", self.folder.display())),
            None => Key::from(Secret::new(KEY)),
        };
        match provider.authenticate(protocol, Some(&key)).unwrap() {
            Applied::Nothing => "none".to_owned(),
            Applied::Header { name, value } => format!("{name}: {}", value.expose()),
            Applied::Query { pair } => format!("?{}", pair.expose()),
        }
    }
}

/// What came of a request.
struct Outcome {
    sent: String,
    changes: BTreeSet<String>,
    /// The scripted answer as the client gets it.
    restored: Option<String>,
}

impl Body {
    fn apply(&self, quirks: &Quirks, model: &str) -> Outcome {
        let request = self.request.replace(MODEL, model);
        let edited = request_edits(quirks, self.protocol, request.as_bytes()).unwrap();
        let restored = self.reply.as_ref().map(|(reply, _)| {
            let restored = edited.names.restore(reply.as_bytes()).unwrap();
            String::from_utf8(restored.into_owned()).unwrap()
        });
        Outcome {
            changes: edited
                .changes
                .iter()
                .map(|change| change.quirk.to_owned())
                .collect(),
            sent: String::from_utf8(edited.body.into_owned()).unwrap(),
            restored,
        }
    }

    fn facts(&self, provider: &Provider, model: &str, changes: &BTreeSet<String>) -> Vec<Fact> {
        let quirks = provider.quirks(self.protocol, model);
        let outcome = self.apply(&quirks, model);
        let sent = (self.sent.as_ref())
            .map(|sent| sent.replace(MODEL, model))
            .unwrap_or_default();
        let again = request_edits(&quirks, self.protocol, sent.as_bytes())
            .is_ok_and(|again| *again.body == *sent.as_bytes());
        let name = |what: &str| format!("{what}.{} ({model})", self.protocol.name());
        let fact = |what: &str, wrong: Option<String>| Fact {
            name: name(what),
            wrong,
        };
        let mut facts = vec![
            fact(
                "sent",
                match () {
                    () if outcome.sent != sent => Some(format!("\n{}not\n{sent}", outcome.sent)),
                    () if !again => Some("it changes once more when it is sent again".to_owned()),
                    () => None,
                },
            ),
            fact(
                "changes",
                (outcome.changes != *changes).then(|| format!("{:?}", outcome.changes)),
            ),
        ];
        if let (Some(restored), Some((_, client))) = (outcome.restored, &self.reply) {
            facts.push(fact("client", (restored != *client).then_some(restored)));
        }
        facts
    }
}
