//! The official Cedar engine on a world of the benchmark: bench-cedar-rust WORLD PASSES COUNT. Entities and policies are parsed once. The
//! first COUNT requests; of PASSES runs of each the shortest counts, less what reading the clock takes. As tests/bench/bench_cedar.c.
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet, Request, RestrictedExpression};
use serde_json::Value;
use std::{env, fs, str::FromStr, time::Instant};

struct Asked {
    request: Request,
    uids: [(String, String); 3],
    context: Vec<(String, Value)>,
    json: String,
}

fn uid(v: &Value) -> (String, String) {
    (v["type"].as_str().unwrap().to_owned(), v["id"].as_str().unwrap().to_owned())
}

fn make_uid((kind, id): &(String, String)) -> EntityUid {
    EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).unwrap(), EntityId::new(id))
}

fn expression(v: &Value) -> RestrictedExpression {
    match v {
        Value::Bool(b) => RestrictedExpression::new_bool(*b),
        Value::Number(n) => RestrictedExpression::new_long(n.as_i64().unwrap()),
        Value::String(s) => RestrictedExpression::new_string(s.clone()),
        Value::Array(list) => RestrictedExpression::new_set(list.iter().map(expression)),
        _ => RestrictedExpression::new_ip(v["__extn"]["arg"].as_str().unwrap()),
    }
}

fn from_strings(a: &Asked) -> Request {
    let pairs = a.context.iter().map(|(k, v)| (k.clone(), expression(v)));
    let context = Context::from_pairs(pairs).unwrap();
    Request::new(make_uid(&a.uids[0]), make_uid(&a.uids[1]), make_uid(&a.uids[2]), context, None).unwrap()
}

fn from_json(a: &Asked) -> Request {
    let mut v: Value = serde_json::from_str(&a.json).unwrap();
    let mut uid = |part: &str| EntityUid::from_json(v[part].take()).unwrap();
    let (principal, action, resource) = (uid("principal"), uid("action"), uid("resource"));
    let context = Context::from_json_value(v["context"].take(), None).unwrap();
    Request::new(principal, action, resource, context, None).unwrap()
}

fn rss_kb() -> i64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn clock_cost() -> f64 {
    (0..10000).map(|_| Instant::now().elapsed().as_nanos() as f64).fold(1e9, f64::min)
}

fn measure(form: &str, asked: &[Asked], passes: usize, decisions: &mut [u8], mut run: impl FnMut(&Asked) -> Decision) {
    let clock = clock_cost();
    let mut best = vec![f64::MAX; asked.len()];
    for pass in 0..=passes {
        for (i, a) in asked.iter().enumerate() {
            let start = Instant::now();
            let decision = run(a);
            let took = start.elapsed().as_nanos() as f64 - clock;
            if pass > 0 || passes == 0 {
                best[i] = best[i].min(took);
            }
            let letter = if decision == Decision::Allow { b'A' } else { b'D' };
            assert!(decisions[i] == 0 || decisions[i] == letter, "a decision changed");
            decisions[i] = letter;
        }
    }
    best.sort_by(|a, b| a.total_cmp(b));
    let mean = best.iter().sum::<f64>() / best.len() as f64;
    println!(
        "{{\"engine\":\"cedar-rust\",\"form\":\"{form}\",\"requests\":{},\"p50_ns\":{:.0},\"p99_ns\":{:.0},\"mean_ns\":{mean:.0}}}",
        best.len(),
        best[best.len() / 2],
        best[best.len() * 99 / 100]
    );
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (world, passes, count) = (&args[1], args[2].parse::<usize>().unwrap(), args[3].parse::<usize>().unwrap());
    let read = |name: &str| fs::read_to_string(format!("{world}/{name}")).unwrap();
    let before = rss_kb();
    let policies = PolicySet::from_str(&read("policies.cedar")).unwrap();
    let entities = Entities::from_json_str(&read("entities.json"), None).unwrap();
    println!("{{\"engine\":\"cedar-rust\",\"rss_kb\":{}}}", rss_kb() - before);
    let list: Vec<Value> = serde_json::from_str(&read("requests.json")).unwrap();
    let asked: Vec<Asked> = list
        .iter()
        .take(count)
        .map(|v| {
            let context = v["context"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            let json = v.to_string();
            let uids = [uid(&v["principal"]), uid(&v["action"]), uid(&v["resource"])];
            let mut a = Asked { request: Request::new(make_uid(&uids[0]), make_uid(&uids[1]), make_uid(&uids[2]), Context::empty(), None).unwrap(), uids, context, json };
            a.request = from_json(&a);
            a
        })
        .collect();
    let authorizer = Authorizer::new();
    let mut decisions = vec![0u8; asked.len()];
    measure("ready", &asked, passes, &mut decisions, |a| authorizer.is_authorized(&a.request, &policies, &entities).decision());
    measure("strings", &asked, passes, &mut decisions, |a| authorizer.is_authorized(&from_strings(a), &policies, &entities).decision());
    measure("json", &asked, passes, &mut decisions, |a| authorizer.is_authorized(&from_json(a), &policies, &entities).decision());
    fs::write(format!("{world}/decisions.cedar-rust"), decisions).unwrap();
}
