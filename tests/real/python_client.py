"""The official Python client, driven by the same plans as node/client.mjs: `python3 python_client.py PLAN.json`."""
import asyncio
import json
import os
import sys
import time

from mcp import Client, MCPError, StdioServerParameters, types

plan = json.load(open(sys.argv[1]))
MODES = {"legacy": "legacy", "auto": "auto", "modern": "2026-07-28"}


def plain(value):
    return json.loads(value.model_dump_json(by_alias=True, exclude_none=True))


async def call(client, step):
    progress = []

    async def on_progress(done, total, message):
        progress.append({"progress": done, "total": total})

    wanted = client.call_tool(step["name"], step.get("arguments", {}), meta=step.get("meta"), progress_callback=on_progress if step.get("progress") else None)
    if "abort_ms" in step:
        try:
            return plain(await asyncio.wait_for(wanted, step["abort_ms"] / 1000))
        except TimeoutError:
            raise MCPError(code=0, message="no longer wanted")
    return {**plain(await wanted), "progress": progress}


async def sampled(context, params):
    return types.CreateMessageResult(role="assistant", model="a-model",
                                     content=types.TextContent(type="text", text="said to: " + plain(params)["messages"][0]["content"]["text"]))


async def elicited(context, params):
    return types.ElicitResult(action="accept", content={"color": "blue"})


async def rooted(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///a-root", name="a root")])


async def tools(client, step):
    page = await client.list_tools()
    found = [t.name for t in page.tools]
    while page.next_cursor:
        page = await client.list_tools(cursor=page.next_cursor)
        found += [t.name for t in page.tools]
    return found


async def tools_whole(client, step):
    end = time.monotonic() + step["ms"] / 1000
    while True:
        found = await tools(client, step)
        if time.monotonic() > end or set(step["wanted"]) <= set(found):
            return found
        await asyncio.sleep(0.1)


async def wait(client, step):
    await asyncio.sleep(step["ms"] / 1000)


async def names(wanted, member, key):
    return [plain(item)[key] for item in getattr(await wanted, member)]


STEPS = {
    "list": tools,
    "list_whole": tools_whole,
    "call": call,
    "resources": lambda c, s: names(c.list_resources(), "resources", "uri"),
    "prompts": lambda c, s: names(c.list_prompts(), "prompts", "name"),
    "ping": lambda c, s: c.send_ping(),
    "wait": wait,
}


async def read(client, step):
    return [plain(c) for c in (await client.read_resource(step["uri"])).contents]


async def prompt(client, step):
    return [plain(m) for m in (await client.get_prompt(step["name"], step.get("arguments"))).messages]


async def level(client, step):
    return plain(await client.set_logging_level(step["level"]))


STEPS |= {"read": read, "prompt": prompt, "level": level}


heard = []


async def hears(message):
    method = getattr(message, "method", None) or getattr(getattr(message, "root", None), "method", None)
    if method and method.endswith("/list_changed"):
        heard.append(method)


async def watch(client, step):
    """As in client.mjs."""
    before = await names(client.list_prompts(), "prompts", "name")
    if client.session.protocol_version == "2026-07-28":
        async with client.listen(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True) as events:
            print("watching", file=sys.stderr, flush=True)
            async for _ in events:  # the message handler has heard of it, too
                break
    else:
        print("watching", file=sys.stderr, flush=True)
        for _ in range(1000):
            if heard:
                break
            await asyncio.sleep(0.05)
    return {"before": before, "heard": heard, "after": await names(client.list_prompts(), "prompts", "name")}


STEPS["watch"] = watch


async def visit(name, server):
    target = json.load(open(os.environ["WRIT_MCP_ALL_CONFIG" if plan.get("all") else "WRIT_MCP_CONFIG"]))["mcpServers"][name]["url"] if plan["transport"] == "http" else \
        StdioServerParameters(command=server["command"], args=server["args"])
    report = {"steps": []}
    try:
        async with Client(target, mode=MODES[plan["mode"]], sampling_callback=sampled, elicitation_callback=elicited, list_roots_callback=rooted,
                          message_handler=hears) as client:
            report["version"] = client.session.protocol_version
            for step in server["steps"]:
                entry = {"op": step["op"], "name": step.get("name")}
                try:
                    value = await STEPS[step["op"]](client, step)
                    entry["ok"] = plain(value) if hasattr(value, "model_dump_json") else value
                except MCPError as e:
                    entry["error"] = {"name": "MCPError", "code": e.error.code, "message": e.error.message, "data": e.error.data}
                except Exception as e:
                    entry["error"] = {"name": type(e).__name__, "code": None, "message": str(e), "data": None}
                report["steps"].append(entry)
    except Exception as e:
        inner = e
        while getattr(inner, "exceptions", None):
            inner = inner.exceptions[0]
        report["failed"] = {"name": type(inner).__name__, "message": str(inner)}
    return report


async def main():
    print(json.dumps({name: await visit(name, server) for name, server in plan["servers"].items()}))


asyncio.run(main())
