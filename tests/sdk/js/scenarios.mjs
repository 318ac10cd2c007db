// SPDX-License-Identifier: Apache-2.0
// One scenario of one official SDK, as an agent would run it: `scenarios.mjs SDK SCENARIO MODEL`.
// It knows nothing of pawl: the base URL comes from the environment. What happened goes to
// standard output as one line of JSON, which run.py reads.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const [sdk, scenario, model] = process.argv.slice(2);
const words = "Fix the failing test. ".repeat(20);
const prompt = [{ role: "user", content: words }];

// How often anything was sent, retries of the SDK's own included.
let requests = 0;
const send = globalThis.fetch;
globalThis.fetch = (...request) => {
  requests += 1;
  return send(...request);
};

// What a tool gave, or that it failed; the model is told either way.
const outcome = (run) => run().catch((error) => `failed: ${error.message}`);
const idle = async () => "all tests pass";
const parameters = { type: "object", properties: { command: { type: "string" } } };
const commandOf = (text) => JSON.parse(text).command;

const anthropic = {
  client: () => new Anthropic(),
  async ask(client, more = {}) {
    const options = { model, max_tokens: 2000, messages: prompt, ...more };
    const { content, usage } = await client.messages.create(options);
    return { text: content.map((part) => part.text ?? "").join(""), usage, content };
  },
  async *stream(client, signal) {
    const options = { model, max_tokens: 2000, messages: prompt, stream: true };
    for await (const event of await client.messages.create(options, { signal })) {
      yield event.type === "content_block_delta" ? (event.delta.text ?? "") : "";
    }
  },
  // One turn of an agent: a call, the tool that it asks for, the call that takes the result.
  async tools(client, run = idle) {
    const tools = [{ name: "Bash", input_schema: parameters }];
    const first = await this.ask(client, { tools });
    const calls = first.content.filter((part) => part.type === "tool_use");
    const content = [];
    for (const call of calls) {
      content.push({ type: "tool_result", tool_use_id: call.id, content: await outcome(run) });
    }
    const turn = [{ role: "assistant", content: first.content }, { role: "user", content }];
    const second = await this.ask(client, { tools, messages: [...prompt, ...turn] });
    const all = [...calls, ...second.content.filter((part) => part.type === "tool_use")];
    return all.map((call) => call.input.command);
  },
};

const openai = {
  client: () => new OpenAI(),
  async ask(client, more = {}) {
    const options = { model, max_completion_tokens: 2000, messages: prompt, ...more };
    const answer = await client.chat.completions.create(options);
    const message = answer.choices[0].message;
    return { text: message.content ?? "", usage: answer.usage, message };
  },
  async *stream(client, signal) {
    const options = { model, max_completion_tokens: 2000, messages: prompt, stream: true };
    for await (const chunk of await client.chat.completions.create(options, { signal })) {
      // Breaks on a chunk without choices, as the code of many users does.
      yield chunk.choices[0].delta.content ?? "";
    }
  },
  async tools(client, run = idle) {
    const tools = [{ type: "function", function: { name: "bash", parameters } }];
    const first = await this.ask(client, { tools });
    const calls = first.message.tool_calls;
    const results = [];
    for (const call of calls) {
      results.push({ role: "tool", tool_call_id: call.id, content: await outcome(run) });
    }
    const messages = [...prompt, first.message, ...results];
    const second = await this.ask(client, { tools, messages });
    return [...calls, ...second.message.tool_calls].map((call) =>
      commandOf(call.function.arguments),
    );
  },
};

const shell = {
  functionDeclarations: [{ name: "run_shell_command", parametersJsonSchema: parameters }],
};

const google = {
  client: () => new GoogleGenAI({ httpOptions: { baseUrl: process.env.GOOGLE_GEMINI_BASE_URL } }),
  async ask(client) {
    const config = { maxOutputTokens: 2000 };
    const answer = await client.models.generateContent({ model, contents: words, config });
    return { text: answer.text ?? "", usage: answer.usageMetadata };
  },
  async *stream(client, signal) {
    const config = { maxOutputTokens: 2000, abortSignal: signal };
    const chunks = await client.models.generateContentStream({ model, contents: words, config });
    for await (const chunk of chunks) {
      const parts = chunk.candidates?.[0]?.content?.parts ?? [];
      yield parts.map((part) => part.text ?? "").join("");
    }
  },
  async tools(client, run = idle) {
    const chat = client.chats.create({ model, config: { tools: [shell], maxOutputTokens: 2000 } });
    const first = await chat.sendMessage({ message: words });
    const calls = first.functionCalls;
    const message = [];
    for (const { id, name } of calls) {
      message.push({ functionResponse: { id, name, response: { output: await outcome(run) } } });
    }
    const second = await chat.sendMessage({ message });
    return [...calls, ...second.functionCalls].map((call) => call.args.command);
  },
};

const bash = {
  type: "function",
  name: "bash",
  description: "Runs a command.",
  parameters,
  strict: false,
};

const responses = {
  client: () => new OpenAI(),
  async ask(client, more = {}) {
    const options = { model, max_output_tokens: 2000, input: prompt, ...more };
    const answer = await client.responses.create(options);
    return { text: answer.output_text, usage: answer.usage, output: answer.output };
  },
  async *stream(client, signal) {
    const options = { model, max_output_tokens: 2000, input: prompt, stream: true };
    for await (const event of await client.responses.create(options, { signal })) {
      yield event.type === "response.output_text.delta" ? event.delta : "";
    }
  },
  async tools(client, run = idle) {
    const first = await this.ask(client, { tools: [bash] });
    const calls = first.output.filter((item) => item.type === "function_call");
    const results = [];
    for (const call of calls) {
      const output = await outcome(run);
      results.push({ type: "function_call_output", call_id: call.call_id, output });
    }
    const input = [...prompt, ...first.output, ...results];
    const second = await this.ask(client, { tools: [bash], input });
    return [...calls, ...second.output.filter((item) => item.type === "function_call")].map(
      (call) => commandOf(call.arguments),
    );
  },
};

const describe = (error) => ({
  name: error.constructor.name,
  status: error.status ?? null,
  type: error.type ?? error.error?.type ?? null,
  code: error.code ?? null,
  message: String(error.message),
});

async function normal(api, client) {
  const whole = await api.ask(client);
  let text = "";
  let chunks = 0;
  for await (const piece of api.stream(client)) {
    text += piece;
    chunks += 1;
  }
  return { whole: whole.text.length, usage: whole.usage, streamed: text.length, chunks };
}

// Calls until an error ends it; the SDK's own retries are left on.
async function loop(api, client, ask) {
  for (let calls = 0; ; calls += 1) {
    try {
      await ask(api, client);
    } catch (error) {
      return { calls, error: describe(error) };
    }
  }
}

const askOnce = (api, client) => api.ask(client);
async function streamOnce(api, client) {
  for await (const piece of api.stream(client)) {
    streamed += piece.length;
  }
}
let streamed = 0;

async function hangUp(api, client) {
  const controller = new AbortController();
  let chunks = 0;
  try {
    for await (const piece of api.stream(client, controller.signal)) {
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

// An agent whose tool is an agent.
async function subCall(api, client) {
  const errors = [];
  const ask = async () => {
    try {
      return (await api.ask(api.client())).text;
    } catch (error) {
      errors.push(describe(error));
      throw error;
    }
  };
  try {
    await api.tools(client, ask);
  } catch (error) {
    errors.push(describe(error));
  }
  return { errors, error: errors.at(-1) };
}

const api = { anthropic, google, openai, responses }[sdk];
const client = api.client();
const scenarios = {
  normal: () => normal(api, client),
  loop: () => loop(api, client, askOnce),
  "loop-stream": async () => ({ ...(await loop(api, client, streamOnce)), streamed }),
  "hang-up": () => hangUp(api, client),
  tools: async () => ({ calls: await api.tools(client) }),
  "sub-call": () => subCall(api, client),
};
const result = await scenarios[scenario]();
console.log(JSON.stringify({ ...result, requests }));
process.exit(result.error && scenario !== "hang-up" ? 1 : 0);
