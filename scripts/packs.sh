#!/bin/bash
# Packs against every server that starts without an account: those of `make test`, and the ones below, installed into build/packs. No install script
# of any package is run. Half a gigabyte; needs npm, and Python 3.11 or newer.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

scripts/build.sh
scripts/setup.sh node python
export WRIT_PACKS=$PWD/build/packs
npm_servers=(@playwright/mcp@0.0.83 @modelcontextprotocol/server-puppeteer@2025.5.12 @brave/brave-search-mcp-server@2.1.4 @notionhq/notion-mcp-server@2.5.2
    @sentry/mcp-server@0.36.0 kubernetes-mcp-server@0.0.67 mcp-server-kubernetes@4.1.7 mcp-server-commands@0.5.0 @wonderwhy-er/desktop-commander@0.2.52
    @upstash/context7-mcp@4.1.1 @gongrzhe/server-gmail-autoauth-mcp@1.1.11 @cocal/google-calendar-mcp@2.6.3 slack-mcp-server@1.3.0)
pypi_servers=(mcp-atlassian==0.23.1 workspace-mcp==2.2.1 awslabs.aws-documentation-mcp-server==1.2.3 mcp-shell-server==1.1.14)
wanted="${npm_servers[*]} ${pypi_servers[*]}"
if [ "$(cat build/packs/.stamp 2>/dev/null)" != "$wanted" ]; then
    say "installing ${#npm_servers[@]} servers from npm and ${#pypi_servers[@]} from PyPI into build/packs"
    rm -rf build/packs
    mkdir -p build/packs
    echo '{"private": true}' >build/packs/package.json
    (cd build/packs && npm install --ignore-scripts --no-audit --no-fund --loglevel=error "${npm_servers[@]}") >build/packs/npm.log 2>&1 ||
        die "npm install failed (all of its output: build/packs/npm.log)"
    for server in "${pypi_servers[@]}"; do
        name=${server%%==*}
        python3 -m venv "build/packs/$name"
        "build/packs/$name/bin/python" -m pip -q --disable-pip-version-check install "$server" >"build/packs/$name.log" 2>&1 ||
            die "pip failed (all of its output: build/packs/$name.log)"
    done
    echo "$wanted" >build/packs/.stamp
fi
build/venv/bin/python -m pytest tests/real/test_packs.py -q -ra --tb=short -p no:cacheprovider
