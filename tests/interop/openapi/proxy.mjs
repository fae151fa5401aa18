// proxy.mjs SPEC TARGET CA OUT: passes requests on to the service at TARGET (https://...), and writes a line
// to OUT for every request and answer that are not as the description says. Listens on a free port
// of 127.0.0.1 and prints it. Which client certificate is shown, the header fields Test-Cert and Test-Key say, by path.
//
// OUT: "mismatch METHOD PATH STATUS: why", or "seen OPERATION STATUS".
import { appendFileSync, readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { Spec } from "./spec.mjs";

const [file, target, ca, out] = process.argv.slice(2);
const spec = new Spec(readFileSync(file, "utf8"));
const type_of = (headers) => (headers["content-type"] ?? "").split(";")[0];
const PROBLEM = ["components", "schemas", "Problem"];

function body_errors(content, at, type, body) {
	if (!(type in content)) return [`content type ${type || "(none)"} is not described`];
	if (content[type].schema === undefined) return body.length > 0 ? [] : ["the body is empty"];
	const text = body.toString("utf8");
	const check = (value) => spec.errors([...at, type, "schema"], value);
	try {
		if (type === "application/x-ndjson")
			return text.split("\n").filter((line, i, all) => i < all.length - 1 || line !== "").flatMap((line) => check(JSON.parse(line)));
		return check(/json$/.test(type) ? JSON.parse(text) : text);
	} catch (error) {
		return [`the body is not ${type}: ${error.message}`];
	}
}

function header_errors(described, headers) {
	return Object.keys(described.value ?? {}).flatMap((name) => {
		const [header, at] = spec.at([...described.at, name]);
		const value = headers[name.toLowerCase()];
		if (value === undefined) return header.required ? [`header ${name} is missing`] : [];
		return spec.errors([...at, "schema"], value).map((error) => `header ${name}: ${error}`);
	});
}

function answer_errors(found, answer, body) {
	const status = String(answer.statusCode);
	if (found === null) {
		if (status !== "404" && status !== "405" && status !== "400") return ["there is no such operation"];
		return spec.errors(PROBLEM, JSON.parse(body));
	}
	if (!(status in found.operation.responses)) return [`the status is not described: ${body.toString("utf8").slice(0, 200)}`];
	const [response, at] = spec.at([...found.where, "responses", status]);
	const wrong = header_errors({ value: response.headers, at: [...at, "headers"] }, answer.headers);
	if (response.content) wrong.push(...body_errors(response.content, [...at, "content"], type_of(answer.headers), body));
	else if (body.length > 0) wrong.push("there is a body");
	if (type_of(answer.headers) === "application/problem+json" && JSON.parse(body).status !== answer.statusCode)
		wrong.push("the problem has another status");
	return wrong;
}

// The lines of a request that the answer's lines took.
function taken_lines(body, answered) {
	const results = answered.toString("utf8").split("\n");
	const lines = body.toString("utf8").split("\n").filter((line, i) => line !== "" && JSON.parse(results[i]).status < 300);
	return Buffer.from(lines.map((line) => line + "\n").join(""));
}

// What the service takes, the description has to allow.
function request_errors(found, request, body, answer, answered) {
	const content = found?.operation.requestBody?.content;
	if (!content) return [];
	const type = type_of(request.headers);
	if (answer.statusCode >= 300) return [];
	if (type === "application/x-ndjson") body = taken_lines(body, answered);
	return body_errors(content, [...found.where, "requestBody", "content"], type, body);
}

function note(request, body, answer, answered) {
	const path = new URL(request.url, target).pathname;
	const found = spec.find(request.method, path);
	const wrong = [...answer_errors(found, answer, answered), ...request_errors(found, request, body, answer, answered)];
	for (const why of wrong) appendFileSync(out, `mismatch ${request.method} ${path} ${answer.statusCode}: ${why}\n`);
	if (found) appendFileSync(out, `seen ${found.operation.operationId} ${answer.statusCode}\n`);
}

async function read(stream) {
	const parts = [];
	for await (const part of stream) parts.push(part);
	return Buffer.concat(parts);
}

const server = http.createServer(async (request, response) => {
	const { "test-cert": cert, "test-key": key, host, connection, ...headers } = request.headers;
	const body = await read(request);
	const onward = https.request(new URL(request.url, target), {
		method: request.method, headers, ca: readFileSync(ca), agent: false,
		cert: cert && readFileSync(cert), key: key && readFileSync(key),
	}, async (answer) => {
		const answered = await read(answer);
		try {
			note(request, body, answer, answered);
		} catch (error) {
			appendFileSync(out, `mismatch ${request.method} ${request.url}: ${error.stack}\n`);
		}
		response.writeHead(answer.statusCode, answer.headers);
		response.end(answered);
	});
	onward.on("error", (error) => response.destroy(error));
	onward.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
