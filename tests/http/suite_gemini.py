# SPDX-License-Identifier: Apache-2.0
"""Google's dialect: the model in the path, streams as events and as lists, every kind of no."""
import json

import harness
from harness import GEMINI, USD, check_books, gemini_path, gemini_request, world
from provider_gemini import answers_of, text_of

CLI = "GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux; x64; terminal)"
SDK_NODE = "google-genai-sdk/3.1.0 gl-node/v22.23.3"
SDK_OLD = "google-genai-sdk/1.30.0 gl-node/v22.23.3"
SDK_PYTHON = "google-genai-sdk/3.6.1 gl-python/3.11.2"
SEARCH_FEE = 3_500_000  # microcents of one grounded prompt


def _call(host, stream=False, alt="alt=sse", agent=None, **fields):
    path = gemini_path(stream, alt=alt)
    headers = {"user_agent": agent} if agent else {}
    return host.post(path, gemini_request(**fields), **headers)


def _said(answer):
    return "".join(text_of(piece) for piece in answers_of(answer.body) if "error" not in piece)


def _config(tokens):
    return {"maxOutputTokens": tokens, "thinkingConfig": {"thinkingBudget": 0}}


def _spend_up(host, agent=None, stream=False, alt="alt=sse"):
    """Calls until one is refused; returns that answer."""
    while (answer := _call(host, stream, alt, agent)).status == 200:
        pass
    return answer


def every_form_of_an_answer_is_booked_as_billed():
    """In one piece, as events, as a list; every version of the path, and none."""
    with world({"reply_tokens": 200}) as (provider, host):
        for version in ("v1beta/", "v1/", "v1alpha/", ""):
            for stream, alt in ((False, ""), (True, "alt=sse"), (True, ""), (True, "alt=json")):
                answer = host.post(gemini_path(stream, version=version, alt=alt), gemini_request())
                assert answer.status == 200 and answer.whole, answer
                text = _said(answer) if stream else text_of(answer.json)
                assert len(text) == 800, (version, alt, answer.body)
                check_books(provider, host)
        paths = {row["path"].split("/")[1] for row in provider.ledger()["calls"]}
        assert paths == {"v1beta", "v1", "v1alpha"}, paths
        rows = [row["metadata"] for row in host.records("RESERVE")]
        assert all(row["dialect"] == "gemini" and row["model"] == GEMINI for row in rows), rows


def a_list_arrives_item_by_item_and_unchanged():
    """Cut at every byte, in lines, glued together: what came is what is delivered."""
    for chunking in ("byte", "lines", "joined", 5):
        script = {"reply_tokens": 60, "chunking": chunking, "tool_calls": 2}
        with world(script, tools=10) as (provider, host):
            answer = _call(host, stream=True, alt="")
            assert answer.whole and answer.headers["content-type"].startswith("application/json")
            assert len(_said(answer)) == 240, answer.body
            check_books(provider, host)
            assert host.state()["TOOL_CALLS"]["spent"] == 2
    with world({"reply_tokens": 60, "hang_after": 4}) as (_, host):
        call = host.open(gemini_path(True, alt=""), gemini_request())
        call.read_until(b"candidatesTokenCount")
        call.hang_up()
        host.settle(1)


def thoughts_cached_tokens_and_tiers_are_priced():
    """Thoughts beside the answer, cached tokens inside the prompt."""
    script = {"input_tokens": 4000, "cache_read": 1000, "reply_tokens": 100, "reasoning": 40}
    with world(script) as (provider, host):
        for stream, alt in ((False, ""), (True, "alt=sse"), (True, "")):
            assert _call(host, stream, alt).status == 200
        check_books(provider, host)
        usage = [row["metadata"]["usage"] for row in host.settlements()]
        assert all(row["reasoning"] == 40 and row["cache_read"] == 1000 for row in usage), usage


def the_ceiling_is_lowered_or_put_in():
    """In place where there is one; where there is none, with the object around it."""
    with world({"reply_tokens": 5}, usd=USD // 20) as (provider, host):
        for fields in ({}, {"generationConfig": None}, {"generationConfig": {"topK": 4}},
                       {"generation_config": {"max_output_tokens": "60000"}},
                       {"generationConfig": {"maxOutputTokens": 60_000}}):
            assert _call(host, **fields).status == 200
        ceilings = [row["ceiling"] for row in provider.ledger()["calls"]]
        assert all(ceiling and ceiling < 60_000 for ceiling in ceilings), ceilings
        assert _call(host, generationConfig={"maxOutputTokens": 7}).status == 200
        assert provider.ledger()["calls"][-1]["ceiling"] == 7
        check_books(provider, host)


def what_is_spent_is_refused_in_googles_words():
    """402 with an object that every client of Google's reads; it latches; free paths go on."""
    with world({"reply_tokens": 400}, usd=2_000_000) as (provider, host):
        answer = _spend_up(host)
        assert answer.status == 402 and answer.reason == "spent", answer
        assert answer.error["code"] == 402 and answer.error["status"] == "FAILED_PRECONDITION"
        assert answer.error["message"].startswith("pawl: budget spent"), answer.error
        calls = len(provider.ledger()["calls"])
        for stream, alt in ((False, ""), (True, "alt=sse"), (True, "")):
            again = _call(host, stream, alt, CLI)
            assert again.status == 402 and again.reason == "latched", again
        assert len(provider.ledger()["calls"]) == calls
        counted = host.post(f"gemini/v1beta/models/{GEMINI}:countTokens", gemini_request())
        assert counted.status == 200 and counted.json["totalTokens"] > 0
        assert host.get("gemini/v1beta/models").json["models"]
        check_books(provider, host)


def a_stream_ends_with_words_that_its_client_reads():
    """Old readers of Node's SDK get the bare object, others an event, a list its last item."""
    cases = ((CLI, "alt=sse", b'\n{"error":'), (SDK_OLD, "alt=sse", b'\n{"error":'),
             (SDK_NODE, "alt=sse", b'data: {"error":'),
             (SDK_PYTHON, "alt=sse", b'data: {"error":'), ("curl/8", "alt=sse", b'data: {"error":'),
             (CLI, "", b',\n{"error":'), ("curl/8", "", b',\n{"error":'))
    for agent, alt, begins in cases:
        script = {"reply_tokens": 40, "tool_calls": 3, "bill": "full"}
        with world(script, tools=2) as (provider, host):
            answer = _call(host, True, alt, agent)
            assert answer.status == 200 and answer.whole, answer
            assert begins in answer.body, (agent, alt, answer.body)
            pieces = answers_of(answer.body)
            assert pieces[-1]["error"]["message"].startswith("pawl: tool calls used up"), pieces
            said = [piece["error"] for piece in pieces if "error" in piece]
            assert len(said) == (3 if begins.startswith(b'\n{') else 1), said
            assert all(words == said[0] for words in said), said
            assert sum(b"functionCall" in json.dumps(piece).encode() for piece in pieces) == 2
            refused = _call(host, True, alt, agent)
            assert refused.status == 402 and refused.reason == "latched", refused
            check_books(provider, host)


def the_bare_words_are_a_piece_of_their_own():
    """Clients parse what one read gives them, so nothing is glued to it."""
    script = {"reply_tokens": 40, "tool_calls": 1, "bill": "full"}
    with world(script, tools=0) as (_, host):
        call = host.open(gemini_path(True), gemini_request(), user_agent=CLI)
        raw = bytes(call.read_until(b"\r\n0\r\n\r\n"))
        last = raw.split(b"\r\n")[-4]
        assert json.loads(last)["error"]["code"] == 402, raw


def a_reader_on_a_screen_is_shown_why():
    """The Gemini CLI asks twice more where an answer behind a tool showed nothing."""
    script = {"reply_tokens": 40, "tool_calls": 1, "bill": "full"}
    with world(script, tools=0, attended=1) as (provider, host):
        for turn in ("cut", "before"):
            answer = _call(host, True, "alt=sse", CLI)
            assert answer.status == 200 and answer.whole, (turn, answer)
            assert turn == "cut" or answer.headers["x-pawl"].startswith("refused; "), answer
            pieces = answers_of(answer.body)
            shown = next(text for text in map(text_of, pieces) if text.startswith("pawl: "))
            said = [piece["error"]["message"] for piece in pieces if "error" in piece]
            assert said == [shown] * 3, pieces
        assert len(provider.ledger()["calls"]) == 1
        for stream, alt, agent in ((True, "", CLI), (False, "", CLI), (True, "alt=sse", SDK_OLD)):
            assert _call(host, stream, alt, agent).status == 402, (stream, alt, agent)
        check_books(provider, host)


def a_client_that_has_heard_it_is_told_no_more():
    with world({"reply_tokens": 40, "tool_calls": 1, "bill": "full"}, tools=0) as (_, host):
        call = host.open(gemini_path(True), gemini_request(), user_agent=CLI)
        call.read_until(b'"error"')
        call.hang_up()
        host.settle(1)


def an_answer_in_one_piece_is_replaced():
    """More tool calls than are left: 402 in its place, and its cost is booked."""
    with world({"reply_tokens": 40, "tool_calls": 3}, tools=2) as (provider, host):
        answer = _call(host)
        assert answer.status == 402 and answer.reason == "tool_calls", answer
        check_books(provider, host)


def tools_of_google_are_held_and_booked():
    """What nothing bounds is assumed, held, metered; tools that nobody knows are named."""
    tools = ({"googleSearch": {}}, {"googleMaps": {}}, {"urlContext": {}}, {"codeExecution": {}},
             {"file_search": {}}, {"functionDeclarations": [{"name": "f"}]})
    with world({"reply_tokens": 10}, usd=20 * USD) as (provider, host):
        for tool in tools:
            answer = _call(host, tools=[tool])
            assert answer.status == 200, (tool, answer)
        asked = [row["asked"]["USD_MICROCENTS"] for row in host.records("RESERVE")]
        assert min(asked[:2]) > SEARCH_FEE and all(each > asked[-1] for each in asked[:-1]), asked
        for tool in ({"new": {}}, {"mcpServers": [{}]}, {"retrieval": {}}):
            refused = _call(host, tools=[tool])
            assert refused.status == 402 and refused.reason == "unmetered", (tool, refused)
        # The window of the model, at 30 cents a million tokens.
        assert _call(host, cachedContent="cachedContents/1").status == 200
        assert host.records("RESERVE")[-1]["asked"]["USD_MICROCENTS"] > 30_000_000
        assert host.latches == []
        check_books(provider, host)


def each_query_of_a_search_is_booked_once():
    """Gemini 3 pays for each different query, Gemini 2.5 for the prompt; what it read is input."""
    script = {"reply_tokens": 40, "queries": ["a", "", "b", "a", " "], "tool_tokens": 18_000}
    with world(script) as (provider, host):
        for model, fee in (("gemini-3-flash-preview", 2 * 1_400_000), (GEMINI, SEARCH_FEE)):
            for stream, alt in ((False, ""), (True, "alt=sse"), (True, "")):
                before = host.spent()
                answer = host.post(gemini_path(stream, model=model, alt=alt),
                                   gemini_request(tools=[{"googleSearch": {}}]))
                assert answer.status == 200 and answer.whole, answer
                host.settle()
                assert host.spent() - before > fee, (model, host.spent(), before)
        check_books(provider, host)


def a_search_of_the_gemini_cli_fits_a_small_budget():
    """Its google_web_search and web_fetch as they are sent, under half a dollar."""
    script = {"reply_tokens": 300, "queries": ["pawl release notes"], "tool_tokens": 4_000}
    url = "Summarise https://example.com/a and http://example.com/b"
    with world(script, usd=USD // 2) as (provider, host):
        for text, tool in (("latest release of pawl?", {"googleSearch": {}}),
                           (url, {"urlContext": {}})):
            body = gemini_request(text, tools=[tool], generationConfig={"temperature": 0})
            answer = host.post(gemini_path(False, model="gemini-3-flash-preview"), body)
            assert answer.status == 200, answer
        check_books(provider, host)
    with world(script, usd=USD // 10) as (provider, host):
        refused = host.post(gemini_path(False, model="gemini-3-flash-preview"), body)
        assert refused.status == 402 and refused.reason == "too_big", refused
        assert "would fit: they count for 250,000 tokens" in refused.error["message"], refused.error
        assert provider.ledger()["calls"] == []


def a_search_that_looks_for_more_is_remembered():
    """Beyond what was held it is booked all the same, and the next one is held for it."""
    script = {"reply_tokens": 20, "queries": [f"q{i}" for i in range(30)]}
    with world(script, usd=5 * USD) as (provider, host):
        path = gemini_path(False, model="gemini-3-flash-preview")
        body = gemini_request(tools=[{"googleSearch": {}}])
        for expected in (10, 60):
            assert host.post(path, body).status == 200
            held = host.records("RESERVE")[-1]["asked"]["USD_MICROCENTS"]
            assert expected * 1_400_000 < held < (expected + 10) * 1_400_000, (expected, held)
        check_books(provider, host)


def a_search_that_breaks_off_is_booked_as_held():
    """Queries are told at the end of a stream: one that is cut has had them all the same."""
    script = {"reply_tokens": 400, "hang_after": 4, "queries": ["a"]}
    with world(script) as (_, host):
        call = host.open(gemini_path(True, model="gemini-3-flash-preview"),
                         gemini_request(tools=[{"googleSearch": {}}]))
        call.read_until(b"candidatesTokenCount")
        call.hang_up()
        host.settle(1)
        assert 10 * 1_400_000 < host.spent() <= host.records("RESERVE")[-1]["asked"][
            "USD_MICROCENTS"], host.spent()


def bodies_with_two_meanings_are_refused():
    """A key in both spellings, a ceiling that is none, another model than the path's."""
    with world({"reply_tokens": 10}) as (provider, host):
        for fields in ({"generationConfig": {"maxOutputTokens": 5, "max_output_tokens": 9}},
                       {"generationConfig": {}, "generation_config": {}},
                       {"generationConfig": {"maxOutputTokens": "lots"}},
                       {"model": "models/gemini-2.5-pro"}):
            answer = _call(host, **fields)
            assert answer.status == 400 and answer.reason == "body", (fields, answer)
            assert answer.error["status"] == "INVALID_ARGUMENT"
        assert provider.ledger()["calls"] == []


def embeddings_cost_their_input():
    """One, and several at once; what the provider does not count is estimated."""
    with world({"input_tokens": 300}) as (provider, host):
        one = {"content": {"parts": [{"text": "embed me " * 50}]}}
        path = "gemini/v1beta/models/gemini-embedding-001:"
        assert host.post(f"{path}embedContent", one).json["embedding"]["values"]
        several = {"requests": [{"model": "models/gemini-embedding-001", **one}] * 3}
        assert len(host.post(f"{path}batchEmbedContents", several).json["embeddings"]) == 3
        check_books(provider, host)
        provider.control(queue=[{"usage": "none"}])
        assert host.post(f"{path}embedContent", one).status == 200
        booked, billed = harness.settled_books(provider, host)
        assert billed <= booked <= 4 * billed, (booked, billed)


def what_may_spend_elsewhere_is_refused():
    """Batches, pictures, caches, other publishers, a method that a header replaces."""
    with world({"reply_tokens": 10}) as (provider, host):
        for path in (f"v1beta/models/{GEMINI}:batchGenerateContent",
                     "v1beta/models/imagen-4:predict", "v1beta/cachedContents",
                     "v1beta/interactions", f"v1beta/models%2F{GEMINI}:generateContent",
                     "v1/publishers/anthropic/models/claude-x:rawPredict"):
            answer = host.post(f"gemini/{path}", gemini_request())
            assert answer.status == 402 and answer.reason == "unmetered", (path, answer)
        got = host.get(f"gemini/{gemini_path(False)[7:]}", x_http_method_override="POST")
        assert got.status == 402 and got.reason == "unmetered", got
        assert provider.ledger()["calls"] == [] and provider.ledger()["other"] == []
        for path in ("v1beta/files", "upload/v1beta/files", "v1beta/batches/b-1:cancel"):
            assert host.post(f"gemini/{path}", {}).status == 200, path


def openais_api_on_googles_host_is_metered():
    """Under /gemini/v1beta/openai, and with that address as OpenAI's base."""
    with world({"reply_tokens": 50}) as (provider, host):
        body = {**harness.request("openai"), "model": GEMINI}
        answer = host.post("gemini/v1beta/openai/chat/completions", body)
        assert answer.status == 200 and len(answer.text) == 200, answer
        check_books(provider, host)
        base = f"http://127.0.0.1:{provider.port}/v1beta/openai"
        with harness.Host(provider, usd=USD, openai=base) as other:
            assert other.call("openai", model=GEMINI).status == 200
            other.settle()
            total = provider.ledger()["total"]["microcents"]
            assert host.spent() + other.spent() == total, total
        assert {row["path"] for row in provider.ledger()["calls"]} == {
            "/v1beta/openai/chat/completions"}


def streams_that_break_off_are_booked_by_their_last_report():
    """Cut upstream, and a client that leaves: cumulative counts, the last one wins."""
    with world({"reply_tokens": 80, "cut_after": 5}) as (provider, host):
        for alt in ("alt=sse", ""):
            answer = _call(host, True, alt, generationConfig=_config(500))
            assert not answer.whole, answer
        booked, billed = harness.settled_books(provider, host)
        assert billed <= booked <= 3 * billed, (booked, billed)
    thinks = {"reply_tokens": 100, "reasoning": 10, "tokens_per_event": 20}
    for broken in ({"cut_after": 3}, {"error_after": 3}):
        with world({**thinks, **broken}) as (provider, host):
            for alt in ("alt=sse", ""):
                assert _call(host, True, alt).status == 200
            booked, billed = harness.settled_books(provider, host)
            assert billed <= booked <= 3 * billed, "each piece told of the thoughts by then"
    with world({"reply_tokens": 400, "pace_ms": 2}) as (provider, host):
        call = host.open(gemini_path(True), gemini_request())
        call.read_until(b"candidates")
        call.hang_up()
        check_books(provider, host)


def a_cheaper_model_goes_into_the_path():
    """And into the body, where that names one too: never one there and the other here."""
    lite = "gemini-2.5-flash-lite"
    with world({"reply_tokens": 200}, usd=USD // 10, degrade=lite) as (provider, host):
        rate = {"input": 10_000_000, "output": 40_000_000, "cache_read": 1_000_000}
        provider.control(prices={lite: rate})
        for _ in range(4):
            for fields in ({}, {"model": f"models/{GEMINI}"}):
                assert _call(host, **fields).status == 200
        models = [row["model"] for row in provider.ledger()["calls"]]
        assert models[0] == GEMINI and models[-1] == lite, models
        named = [row["named"] for row in provider.ledger()["calls"]]
        assert set(named[-2:]) == {None, f"models/{lite}"}, named
        check_books(provider, host)


def googles_errors_pass_unchanged():
    """Status, body and headers; nothing is booked."""
    with world({}) as (provider, host):
        for status in (400, 429, 503):
            provider.control(queue=[{"status": status, "headers": {"retry-after": "7"}}])
            answer = _call(host, True)
            assert answer.status == status and answer.headers["retry-after"] == "7", answer
            assert answer.json["error"]["message"] == f"scripted {status}"
        provider.control(queue=[{"reply_tokens": 30, "error_after": 0}])
        answer = _call(host, True)
        assert b"scripted overload" in answer.body and answer.whole, answer
        host.settle()
        assert host.spent() == 0, host.state()
