"""A server made with the official Python SDK, over stdio: a tool, a resource and a prompt."""
from mcp.server import MCPServer

server = MCPServer("python")


@server.tool()
def shout(text: str) -> str:
    """Says it louder"""
    return text.upper()


@server.resource("py://greeting")
def greeting() -> str:
    """A greeting"""
    return "hello from Python"


@server.prompt()
def greet(name: str) -> str:
    """Greets somebody"""
    return f"Good day, {name}"


server.run()
