// cedar-go on a world of the benchmark: bench-cedar-go WORLD PASSES COUNT. Entities and policies are parsed once. The first COUNT requests;
// of PASSES runs of each the shortest counts, less what reading the clock takes. As tests/bench/bench_cedar.c.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

type uid struct{ Type, ID string }

type asked struct {
	request cedar.Request
	uids    [3]uid
	context map[string]any
	json    []byte
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-cedar-go:", err)
		os.Exit(1)
	}
	return v
}

func value(v any) types.Value {
	switch v := v.(type) {
	case bool:
		return types.Boolean(v)
	case float64:
		return types.Long(v)
	case string:
		return types.String(v)
	case []any:
		list := make([]types.Value, len(v))
		for i, e := range v {
			list[i] = value(e)
		}
		return types.NewSet(list...)
	}
	ip := v.(map[string]any)["__extn"].(map[string]any)["arg"].(string)
	return must(types.ParseIPAddr(ip))
}

func fromStrings(a *asked) cedar.Request {
	context := make(types.RecordMap, len(a.context))
	for k, v := range a.context {
		context[types.String(k)] = value(v)
	}
	make := func(u uid) types.EntityUID { return types.NewEntityUID(types.EntityType(u.Type), types.String(u.ID)) }
	return cedar.Request{Principal: make(a.uids[0]), Action: make(a.uids[1]), Resource: make(a.uids[2]), Context: types.NewRecord(context)}
}

func fromJSON(a *asked) cedar.Request {
	var r cedar.Request
	must(0, json.Unmarshal(a.json, &r))
	return r
}

func rssKB() int {
	for _, line := range strings.Split(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			return must(strconv.Atoi(strings.Fields(line)[1]))
		}
	}
	return 0
}

func clockCost() float64 {
	best := 1e9
	for i := 0; i < 10000; i++ {
		best = min(best, float64(time.Since(time.Now())))
	}
	return best
}

func measure(form string, list []asked, passes int, decisions []byte, run func(a *asked) cedar.Decision) {
	clock := clockCost()
	best := make([]float64, len(list))
	for pass := 0; pass <= passes; pass++ {
		for i := range list {
			start := time.Now()
			decision := run(&list[i])
			took := float64(time.Since(start)) - clock
			if pass <= 1 || took < best[i] {
				best[i] = took
			}
			letter := byte('D')
			if decision == cedar.Allow {
				letter = 'A'
			}
			if decisions[i] != 0 && decisions[i] != letter {
				must(0, fmt.Errorf("a decision changed"))
			}
			decisions[i] = letter
		}
	}
	sort.Float64s(best)
	mean := 0.0
	for _, b := range best {
		mean += b / float64(len(best))
	}
	fmt.Printf("{\"engine\":\"cedar-go\",\"form\":\"%s\",\"requests\":%d,\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"mean_ns\":%.0f}\n", form, len(best), best[len(best)/2], best[len(best)*99/100], mean)
}

func main() {
	world, passes, count := os.Args[1], must(strconv.Atoi(os.Args[2])), must(strconv.Atoi(os.Args[3]))
	before := rssKB()
	policies := must(cedar.NewPolicySetFromBytes("policies.cedar", must(os.ReadFile(world+"/policies.cedar"))))
	var entities types.EntityMap
	must(0, json.Unmarshal(must(os.ReadFile(world+"/entities.json")), &entities))
	fmt.Printf("{\"engine\":\"cedar-go\",\"rss_kb\":%d}\n", rssKB()-before)
	var raw []struct {
		Principal, Action, Resource uid
		Context                     map[string]any
	}
	var texts []json.RawMessage
	text := must(os.ReadFile(world + "/requests.json"))
	must(0, json.Unmarshal(text, &raw))
	must(0, json.Unmarshal(text, &texts))
	list := make([]asked, min(count, len(raw)))
	for i := range list {
		list[i] = asked{uids: [3]uid{raw[i].Principal, raw[i].Action, raw[i].Resource}, context: raw[i].Context, json: texts[i]}
		list[i].request = fromStrings(&list[i])
	}
	decisions := make([]byte, len(list))
	decide := func(r cedar.Request) cedar.Decision {
		d, _ := cedar.Authorize(policies, entities, r)
		return d
	}
	measure("ready", list, passes, decisions, func(a *asked) cedar.Decision { return decide(a.request) })
	measure("strings", list, passes, decisions, func(a *asked) cedar.Decision { return decide(fromStrings(a)) })
	measure("json", list, passes, decisions, func(a *asked) cedar.Decision { return decide(fromJSON(a)) })
	must(0, os.WriteFile(world+"/decisions.cedar-go", decisions, 0o644))
}
