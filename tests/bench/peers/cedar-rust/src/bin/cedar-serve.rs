//! The official Cedar engine behind a pipe: the calls hold, holdEntities and ask of tests/conformance/cedar_calls.h, a line each; answers are
//! those of the package's functions. Policies and entities are parsed once.
use cedar_policy::{ffi, Authorizer, Context, Entities, EntityUid, Policy, PolicyId, PolicySet, Request, SlotId, Template};
use serde_json::{json, Value};
use std::{collections::HashMap, error::Error, io, io::BufRead, io::Write};

type Done<T> = Result<T, Box<dyn Error>>;

fn text(v: &Value) -> Done<&str> {
    Ok(v.as_str().ok_or("no text")?)
}

fn members(v: &Value) -> Done<impl Iterator<Item = (PolicyId, &Value)>> {
    Ok(v.as_object().ok_or("no object")?.iter().map(|(k, v)| (PolicyId::new(k), v)))
}

fn link(set: &mut PolicySet, v: &Value) -> Done<()> {
    let mut slots = HashMap::new();
    for (name, slot) in [("?principal", SlotId::principal()), ("?resource", SlotId::resource())] {
        if let Some(uid) = v["values"].get(name) {
            slots.insert(slot, EntityUid::from_json(uid.clone())?);
        }
    }
    Ok(set.link(PolicyId::new(text(&v["templateId"])?), PolicyId::new(text(&v["newId"])?), slots)?)
}

fn policies(v: &Value) -> Done<PolicySet> {
    let mut set = PolicySet::new();
    for (id, p) in members(&v["staticPolicies"])? {
        set.add(match p {
            Value::String(s) => Policy::parse(Some(id), s)?,
            _ => Policy::from_json(Some(id), p.clone())?,
        })?;
    }
    for (id, t) in members(&v["templates"])? {
        set.add_template(match t {
            Value::String(s) => Template::parse(Some(id), s)?,
            _ => Template::from_json(Some(id), t.clone())?,
        })?;
    }
    for l in v["templateLinks"].as_array().ok_or("no list of links")? {
        link(&mut set, l)?;
    }
    Ok(set)
}

fn request(v: &mut Value) -> Done<Request> {
    let mut uid = |part: &str| EntityUid::from_json(v[part].take());
    let (principal, action, resource) = (uid("principal")?, uid("action")?, uid("resource")?);
    Ok(Request::new(principal, action, resource, Context::from_json_value(v["context"].take(), None)?, None)?)
}

struct Held {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

fn answer(held: &mut Held, line: &str) -> Done<Value> {
    let mut v: Value = serde_json::from_str(line)?;
    match text(&v["op"])? {
        "hold" => held.policies = policies(&v["policies"])?,
        "holdEntities" => held.entities = Entities::from_json_value(v["entities"].take(), None)?,
        _ => {
            let response = held.authorizer.is_authorized(&request(&mut v)?, &held.policies, &held.entities);
            return Ok(json!({"type": "success", "response": ffi::Response::from(response)}));
        }
    }
    Ok(json!({"type": "success"}))
}

fn main() -> Done<()> {
    let mut held = Held { authorizer: Authorizer::new(), policies: PolicySet::new(), entities: Entities::empty() };
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let v = answer(&mut held, &line?).unwrap_or_else(|e| json!({"type": "failure", "errors": [{"message": e.to_string()}]}));
        writeln!(out, "{v}")?;
        out.flush()?;
    }
    Ok(())
}
