// SPDX-License-Identifier: Apache-2.0
// One scenario of the Vercel AI SDK, as an agent would run it: `scenarios.mjs SDK SCENARIO MODEL`,
// where SDK is a provider of it. It knows nothing of pawl: the base URL comes from the
// environment. What happened goes to standard output as one line of JSON, which run.py reads.
import { anthropic } from "@ai-sdk/anthropic";
import { openai } from "@ai-sdk/openai";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const [sdk, scenario, name] = process.argv.slice(2);
const prompt = "Fix the failing test. ".repeat(20);
const model = {
  "ai-anthropic": () => anthropic(name),
  "ai-openai": () => openai(name), // Responses
  "ai-openai-chat": () => openai.chat(name),
}[sdk]();
const shell = (execute) => ({
  [sdk === "ai-anthropic" ? "Bash" : "bash"]: tool({
    description: "Runs a command.",
    inputSchema: jsonSchema({ type: "object", properties: { command: { type: "string" } } }),
    execute,
  }),
});

// How often anything was sent, retries of the SDK's own included.
let requests = 0;
const send = globalThis.fetch;
globalThis.fetch = (...request) => {
  requests += 1;
  return send(...request);
};

const describe = (error) => ({
  name: error.name ?? error.constructor.name,
  status: error.statusCode ?? null,
  message: String(error.message ?? error),
});

async function ask(more = {}) {
  const answer = await generateText({ model, prompt, maxOutputTokens: 2000, ...more });
  return answer.text;
}

// The pieces of a text; an error in the stream is thrown.
async function* stream(signal) {
  const options = { model, prompt, maxOutputTokens: 2000, abortSignal: signal, onError() {} };
  for await (const part of streamText(options).fullStream) {
    if (part.type === "error") {
      throw part.error;
    }
    yield part.type === "text-delta" ? part.text : "";
  }
}

async function normal() {
  const whole = await ask();
  let streamed = "";
  let chunks = 0;
  for await (const piece of stream()) {
    streamed += piece;
    chunks += 1;
  }
  return { whole: whole.length, streamed: streamed.length, chunks };
}

// Calls until an error ends it; the SDK's own retries are left on.
async function loop(once) {
  for (let calls = 0; ; calls += 1) {
    try {
      await once();
    } catch (error) {
      return { calls, error: describe(error) };
    }
  }
}

let streamed = 0;
async function streamOnce() {
  for await (const piece of stream()) {
    streamed += piece.length;
  }
}

async function hangUp() {
  const controller = new AbortController();
  let chunks = 0;
  try {
    for await (const piece of stream(controller.signal)) {
      chunks += piece.length > 0 ? 1 : 0;
      if (chunks === 3) {
        controller.abort();
      }
    }
  } catch (error) {
    return { chunks, error: describe(error) };
  }
  return { chunks };
}

async function tools() {
  const calls = [];
  const execute = async ({ command }) => {
    calls.push(command);
    return "all tests pass";
  };
  await ask({ tools: shell(execute), stopWhen: stepCountIs(2) });
  return { calls };
}

// An agent whose tool is an agent.
async function subCall() {
  const errors = [];
  const execute = async () => {
    try {
      return await ask();
    } catch (error) {
      errors.push(describe(error));
      throw error;
    }
  };
  try {
    await ask({ tools: shell(execute), stopWhen: stepCountIs(5) });
  } catch (error) {
    errors.push(describe(error));
  }
  return { errors, error: errors.at(-1) };
}

const scenarios = {
  normal,
  loop: () => loop(ask),
  "loop-stream": async () => ({ ...(await loop(streamOnce)), streamed }),
  "hang-up": hangUp,
  tools,
  "sub-call": subCall,
};
const result = await scenarios[scenario]();
console.log(JSON.stringify({ ...result, requests }));
process.exit(result.error && scenario !== "hang-up" ? 1 : 0);
