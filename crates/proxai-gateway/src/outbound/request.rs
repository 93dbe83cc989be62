//! What an upstream is sent: the client's bytes or a translation of them, as its row wants them.
//!
//! In this order: translation (where two protocols or the row's quirks demand it) or else the cut
//! of what others have sealed (T6), the target's options, the one value of `stream` that the
//! upstream knows, the client's wish about the cache, the quirks of the row, and last what the
//! upstream itself has refused before or just now. What that takes away is a loss (T4), and a
//! request that rather fails than loses something fails here, before anything is sent.
//!
//! A row without quirks costs a few comparisons and keeps the client's very bytes (T1).

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use proxai_ir::{Failure, FailureKind, LossKind, Losses};
use proxai_json::{Doc, Edit};
use proxai_providers::Quirks;
use proxai_providers::headers::Hop;
use proxai_providers::quirks::{
    Change, ChangeKind, DeveloperRole, StreamSupport, SystemRole, ToolNames, request_edits,
};
use proxai_router::Attempt;
use proxai_translate::features::Feature;
use proxai_translate::{Prepared, ReplyContext, RequestInfo, Target, features};
use proxai_types::Protocol;

use crate::context::Context;
use crate::headers::forward_request;
use crate::inbound::call::Call;
use crate::outbound::cache;
use crate::outbound::options;
use crate::outbound::refusal::room::Told;
use crate::outbound::refusal::{inner, items};
use crate::problem::Problem;
use crate::snapshot::AnswerModel;
use crate::upstream::abilities::{abilities, needs_hub};
use crate::upstream::provider::{To, Upstream};

/// Members that a translation adds on its own account. If the upstream does not want them, the
/// client has lost nothing.
const OWN_MEMBERS: &[&str] = &["stream_options", "store", "include"];

/// What templates add to a prompt, in tokens, where its size is an estimate.
const ROUND_A_PROMPT: u64 = 64;

/// The member that asks a stream for its usage.
pub(crate) const STREAM_OPTIONS: &str = "stream_options";

/// What is added to a request that needs no translation, if anything (T10).
const ASKED_USAGE: &[&str] = &["stream_options"];

/// How a request is made to one upstream. Changes when a refusal says how to do better.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) protocol: Protocol,
    /// The endpoint that this one stands in for (P5).
    pub(crate) instead_of: Option<Protocol>,
    /// Parameters that the upstream has just refused (P12).
    pub(crate) without: Vec<&'static str>,
    /// What the upstream has just said of the limit that it was given unasked (P12).
    pub(crate) room: Option<Told>,
    /// Items that the upstream has just said are not stored (case 62).
    pub(crate) gone: Vec<Box<str>>,
}

/// What the upstream was sent, as far as reading its answer depends on it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) upstream: Protocol,
    /// What the client speaks.
    pub(crate) client: Protocol,
    /// `None` if the upstream's bytes are the client's.
    pub(crate) reply: Option<Arc<ReplyContext>>,
    pub(crate) losses: Losses,
    /// Tools whose names the row does not accept.
    pub(crate) names: ToolNames,
    pub(crate) body: Bytes,
    /// Members that the request has on proxai's own account: to leave one out loses nothing.
    pub(crate) own: &'static [&'static str],
    /// The limit of the answer, where the client set none and the protocol demands one.
    pub(crate) made_up: Option<u64>,
    /// The client of this Chat stream did not ask for its usage, so whatever tells nothing else is
    /// not for it (T10).
    pub(crate) withhold_usage: bool,
    /// The model, as the upstream was asked for it.
    pub(crate) model: Box<str>,
    /// The client's name of the model, where another was sent and the answer is to tell it (T12).
    pub(crate) name: Option<Box<str>>,
}

impl Sent {
    /// What the answer is written with, also where no translation was expected.
    pub(crate) fn context(
        &self,
        cx: Context<'_>,
        call: &Call,
        upstream: &Upstream,
    ) -> Arc<ReplyContext> {
        self.reply.clone().unwrap_or_else(|| {
            let mut context = ReplyContext::new(
                cx.model_told(call, &self.model),
                &upstream.name,
                self.upstream,
                cx.bare_id(),
                cx.now,
            );
            context.upstream_names_model = cx.answer_model == AnswerModel::Upstream;
            context.include_usage = call.head.ask_usage.is_none();
            Arc::new(context)
        })
    }
}

/// The request to send.
pub(crate) fn prepare(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    way: &Way,
    upstream: &Upstream,
    attempt: &Attempt,
) -> Result<(Request<Bytes>, Sent), Box<Problem>> {
    let protocol = way.protocol;
    let model = attempt.upstream_model.as_str();
    let quirks = upstream.provider.quirks(protocol, model);
    let same = protocol == client;
    let streams = match quirks.stream() {
        StreamSupport::Never => false,
        StreamSupport::Always => true,
        StreamSupport::Both => call.head.stream,
    };
    let known = upstream.learned.refused(model);
    let mut sent = if same && !needs_hub(&quirks, protocol, &call.body) {
        let asks = protocol == Protocol::Chat
            && streams
            && call.head.ask_usage.is_some()
            && takes_stream_options(&quirks)
            && !known.contains(&STREAM_OPTIONS)
            && !way.without.contains(&STREAM_OPTIONS);
        let (body, own) = if asks {
            (call.body_with_usage(model), ASKED_USAGE)
        } else {
            (call.body_for(model), &[][..])
        };
        let mut losses = Losses::new();
        let body = unsealed(protocol, upstream, body, &mut losses);
        Sent {
            upstream: protocol,
            client,
            reply: None,
            losses,
            names: ToolNames::default(),
            body,
            own,
            made_up: None,
            withhold_usage: protocol == Protocol::Chat && call.head.ask_usage.is_some(),
            model: model.into(),
            name: Some(cx.model_told(call, model))
                .filter(|name| *name != model && !model.is_empty())
                .map(Box::from),
        }
    } else {
        translated(cx, call, client, way, upstream, model, &quirks)?
    };
    if !attempt.options.is_empty() {
        match options::merge(&sent.body, &attempt.options) {
            Some(merged) => sent.body = merged.into(),
            None => {
                return Err(Problem::new(
                    FailureKind::Internal,
                    "invalid_options",
                    "the options of the target are not JSON objects; correct the configuration",
                ));
            }
        }
    }
    if streams != call.head.stream {
        sent.body = asking_for(&sent.body, streams);
    }
    sent.body = cache::apply(call.wishes.cache_of(attempt), protocol, sent.body);
    let of_translation = std::mem::take(&mut sent.losses);
    apply(&mut sent, &quirks)?;
    leave_out(&mut sent, &known)?;
    leave_out(&mut sent, &way.without)?;
    if !way.gone.is_empty()
        && let Some(body) = items::without_ids(&sent.body, &way.gone)
    {
        sent.body = body.into();
    }
    if !same {
        features::respell(&mut sent.losses, protocol, client, &call.body);
    }
    let of_provider = std::mem::replace(&mut sent.losses, of_translation);
    sent.losses.extend(of_provider);
    if call.wishes.strict {
        refuse_losses(&sent.losses)?;
    }
    let query = call.uri.query().filter(|_| same);
    let mut request = upstream.request(To::Generate(protocol), query)?;
    let hop = if same {
        Hop::Same(protocol)
    } else {
        Hop::Translated
    };
    let headers = request.headers_mut();
    let extra = &upstream.provider.forward_headers;
    forward_request(hop, &call.headers, extra, headers);
    let accept = if streams {
        "text/event-stream"
    } else {
        "application/json"
    };
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    set_user_agent(&quirks, headers);
    *request.body_mut() = sent.body.clone();
    Ok((request, sent))
}

/// A body in the client's own protocol without what others have sealed (T6); nearly always the
/// body itself.
pub(crate) fn unsealed(
    protocol: Protocol,
    upstream: &Upstream,
    body: Bytes,
    losses: &mut Losses,
) -> Bytes {
    proxai_translate::unseal::in_place(protocol, &upstream.name, &body, losses)
        .map_or(body, Bytes::from)
}

/// Says who asks, where the row insists on somebody.
pub(crate) fn set_user_agent(quirks: &Quirks, headers: &mut HeaderMap) {
    if let Some(agent) = quirks
        .user_agent()
        .and_then(|agent| HeaderValue::from_str(agent).ok())
    {
        headers.insert(USER_AGENT, agent);
    }
}

fn translated(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    way: &Way,
    upstream: &Upstream,
    model: &str,
    quirks: &Quirks,
) -> Result<Sent, Box<Problem>> {
    let protocol = way.protocol;
    let mut target = Target::new(model, &upstream.name);
    target.abilities = abilities(quirks);
    if client == protocol {
        // The client chose the role for this very protocol; the row had its chance to say no.
        target.abilities.developer_role = quirks.developer() == DeveloperRole::Keep;
    }
    let info = RequestInfo {
        id: cx.bare_id(),
        created: cx.now,
        model: cx.model_told(call, model),
    };
    // A route may name the model where the client does not (R2).
    let body = if call.head.model.is_empty() {
        call.body_for(model)
    } else {
        call.body.clone()
    };
    let translate = |target: &Target<'_>| {
        proxai_translate::translate_request(client, protocol, &body, target, &info)
            .map_err(|error| Problem::request(&error))
    };
    let mut prepared = translate(&target)?;
    let mut made_up = made_up(&prepared, client, protocol);
    let told = way.room;
    let known = || upstream.learned.room(model);
    if let Some(first) = made_up
        && let Some(room) = told.map(|told| told.room).or_else(known)
    {
        let estimate = prepared.reply.estimated_input;
        let prompt = told
            .and_then(|told| told.prompt)
            .unwrap_or(estimate + estimate / 4 + ROUND_A_PROMPT);
        let limit = room.limit(first, prompt);
        // What is added for thoughts needs its place too.
        let added = first.saturating_sub(target.abilities.default_max_tokens);
        target.abilities.default_max_tokens = limit.saturating_sub(added).max(1);
        prepared = translate(&target)?;
        made_up = self::made_up(&prepared, client, protocol);
    }
    if cx.answer_model == AnswerModel::Upstream {
        Arc::make_mut(&mut prepared.reply).upstream_names_model = true;
    }
    Ok(Sent {
        upstream: protocol,
        client,
        reply: Some(prepared.reply),
        losses: prepared.losses,
        names: ToolNames::default(),
        body: prepared.body.into(),
        own: match client == protocol {
            true if call.head.ask_usage.is_none() => &[],
            true => ASKED_USAGE,
            false => OWN_MEMBERS,
        },
        made_up,
        withhold_usage: false,
        model: model.into(),
        name: None,
    })
}

/// The limit of the answer, if the client set none and one is sent all the same.
fn made_up(prepared: &Prepared, client: Protocol, protocol: Protocol) -> Option<u64> {
    let path = Feature::MaxOutputTokens.path(client);
    let mut losses = prepared.losses.iter();
    if protocol == client
        || !losses.any(|loss| loss.kind == LossKind::Defaulted && loss.path == path)
    {
        return None;
    }
    let doc = Doc::scan(&prepared.body).ok()?;
    let limit = doc.get("max_tokens")?.of(&prepared.body);
    std::str::from_utf8(limit).ok()?.parse().ok()
}

/// Whether the row lets a stream be asked for its usage.
fn takes_stream_options(quirks: &Quirks) -> bool {
    let refused = quirks.refused_parameters();
    quirks.stream_options() && !refused.iter().any(|name| name == STREAM_OPTIONS)
}

/// Applies the quirks of the row.
fn apply(sent: &mut Sent, quirks: &Quirks) -> Result<(), Box<Problem>> {
    let Sent {
        upstream,
        client,
        body,
        own,
        losses,
        ..
    } = sent;
    let translated = client != upstream;
    sent.names = edit(quirks, *upstream, translated, own, body, losses)?;
    Ok(())
}

/// Applies quirks to a body; the answer are the tools that were renamed. What goes is a loss, unless
/// it is one of proxai's `own` members.
pub(crate) fn edit(
    quirks: &Quirks,
    protocol: Protocol,
    translated: bool,
    own: &[&str],
    body: &mut Bytes,
    losses: &mut Losses,
) -> Result<ToolNames, Box<Problem>> {
    let edited = request_edits(quirks, protocol, body).map_err(|error| {
        Problem::new(
            FailureKind::Internal,
            "quirks_failed",
            format!("the request could not be fitted to the provider: {error}"),
        )
    })?;
    for change in &edited.changes {
        note(losses, own, translated, change);
    }
    let names = edited.names;
    if let Cow::Owned(edited) = edited.body {
        *body = edited.into();
    }
    Ok(names)
}

fn note(losses: &mut Losses, own: &[&str], translated: bool, change: &Change) {
    let kind = match change.kind {
        ChangeKind::Rewritten => return,
        ChangeKind::Approximated => LossKind::Approximated,
        ChangeKind::Dropped => LossKind::Dropped,
    };
    if !own.contains(&change.path.as_str()) {
        let why = format!("the provider does not take it (quirk `{}`)", change.quirk);
        // Where the client has its system messages, only the client's body tells.
        let path = if translated && ["system", "system_turns"].contains(&change.quirk) {
            features::SYSTEM_MESSAGES
        } else {
            &change.path
        };
        losses.push(path, kind, why);
    }
}

/// Takes out what the upstream has refused, and says in another way what it has no role for.
fn leave_out(sent: &mut Sent, parameters: &[&'static str]) -> Result<(), Box<Problem>> {
    if parameters.is_empty() {
        return Ok(());
    }
    if let Ok(doc) = Doc::scan(&sent.body) {
        let mut edit = Edit::new(&sent.body);
        for parameter in parameters {
            let removed =
                edit.remove(&doc.root, parameter) || inner::remove(&doc, &mut edit, parameter);
            if removed && !sent.own.contains(parameter) {
                let why = "the upstream refused it as unknown";
                sent.losses.dropped(parameter, why);
            }
        }
        if !edit.is_empty()
            && let Ok(body) = edit.finish()
        {
            sent.body = body.into();
        }
    }
    let mut quirks = Quirks::default();
    if parameters.contains(&inner::SYSTEM_ROLE) {
        quirks.system = Some(SystemRole::MergeIntoUser);
        quirks.system_turns = Some(false);
    }
    if parameters.contains(&inner::DEVELOPER_ROLE) {
        quirks.developer = Some(DeveloperRole::AsSystem);
    }
    if quirks == Quirks::default() {
        return Ok(());
    }
    // The names that the row's quirks have changed stay known.
    let names = std::mem::take(&mut sent.names);
    let done = apply(sent, &quirks);
    sent.names = names;
    done
}

/// The refusal of a request that would lose something (T4). What is made up counts too: an answer
/// that ends at a limit the client never set is not the answer it asked for.
pub(crate) fn refuse_losses(losses: &Losses) -> Result<(), Box<Problem>> {
    let Some(first) = losses.iter().next() else {
        return Ok(());
    };
    let list: Vec<String> = losses.iter().map(ToString::to_string).collect();
    let mut remedies = Vec::new();
    if losses.iter().any(|loss| loss.kind != LossKind::Defaulted) {
        remedies.push("leave out what is dropped or approximated");
    }
    if losses.iter().any(|loss| loss.kind == LossKind::Defaulted) {
        remedies.push("say what is defaulted");
    }
    Err(Problem::refused(
        Failure::new(
            FailureKind::InvalidRequest,
            format!(
                "the target cannot take this request as it is and it is strict: {}; {}, or send it with x-proxai-strict: false",
                list.join("; "),
                remedies.join(" and ")
            ),
        )
        .with_code("strict_loss")
        .with_param(first.path.clone()),
    ))
}

/// The body with the other value of `stream`, for an upstream that knows but one (P13).
fn asking_for(body: &Bytes, streams: bool) -> Bytes {
    let Ok(doc) = Doc::scan(body) else {
        return body.clone();
    };
    let mut edit = Edit::new(body);
    edit.set(
        &doc.root,
        "stream",
        if streams { b"true" } else { b"false" },
    );
    if !streams {
        edit.remove(&doc.root, STREAM_OPTIONS);
    }
    edit.finish().map_or_else(|_| body.clone(), Bytes::from)
}
