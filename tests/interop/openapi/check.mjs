// check.mjs SPEC ROUTES ERROR.DEF: the description against the OpenAPI specification, against the
// program's own table of routes, and against itself. Prints what is not right. Then, that it can
// tell: each change of CHANGES has to be found.
import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { parse } from "yaml";
import { Spec } from "./spec.mjs";

// `routes`: lines; `errorTable`: base/error.def. One text for each thing that is not right.
async function check(text, routes, errorTable) {
	const wrong = [];
	const whole = await new Validator().validate(parse(text));
	if (!whole.valid) return [`not OpenAPI 3.1: ${JSON.stringify(whole.errors)}`];
	const spec = new Spec(text);
	const operations = [...spec.operations()];

	// ---- routes, in both directions
	const described = operations.map(({ path, method, operation }) =>
		[method.toUpperCase(), path, operation["x-moniker-callers"]?.join(","), operation["x-moniker-ports"]?.join(","),
			operation["x-moniker-body-max"] ?? 0].join(" "));
	for (const route of routes) if (!described.includes(route)) wrong.push(`not described: ${route}`);
	for (const route of described) if (!routes.includes(route)) wrong.push(`described, and no route: ${route}`);

	// ---- the closed list of codes
	const answered = errorTable.split("/* On the host only")[0];
	const codes = [...answered.matchAll(/^ERROR\((\w+),/gm)].map((m) => m[1]);
	const listed = spec.doc.components.schemas.Code.enum;
	if (codes.length < 10 || codes.join() !== listed.join()) wrong.push(`codes differ from base/error.def: ${codes} and ${listed}`);

	// ---- operations
	const ids = operations.map(({ operation }) => operation.operationId);
	for (const id of ids) if (!id || ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`operationId ${id}: missing, or there twice`);
	const tags = spec.doc.tags.map((tag) => tag.name);
	for (const { path, method, operation, where } of operations) {
		const name = `${method} ${path}`;
		if (!operation.summary || !tags.includes(operation.tags?.[0])) wrong.push(`${name}: no summary or no tag that is listed`);
		const open = (operation.security ?? spec.doc.security).some((one) => Object.keys(one).length === 0);
		const callers = operation["x-moniker-callers"] ?? [];
		if (open !== (callers.includes("any") || callers.includes("local"))) wrong.push(`${name}: security and callers differ`);
		if (Boolean(operation.requestBody) !== operation["x-moniker-body-max"] > 0) wrong.push(`${name}: requestBody and x-moniker-body-max differ`);
		const params = [...(spec.doc.paths[path].parameters ?? []).keys()].map((i) => spec.at(["paths", path, "parameters", i])[0]);
		const inPath = params.filter((p) => p.in === "path").map((p) => p.name);
		if (inPath.join() !== [...path.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]).join()) wrong.push(`${name}: parameters ${inPath}`);
		if (!open && !(operation.responses["401"] && operation.responses["403"])) wrong.push(`${name}: no 401 or 403`);
		if (!operation.responses["413"]) wrong.push(`${name}: no 413, and a body may be too long anywhere`);
		for (const status of Object.keys(operation.responses)) {
			const [response, at] = spec.at([...where, "responses", status]);
			if (!response) { wrong.push(`${name} ${status}: leads nowhere`); continue; }
			if (!response.headers?.["Moniker-Request-Id"]) wrong.push(`${name} ${status}: no Moniker-Request-Id`);
			if (["429", "503"].includes(status) && !response.headers["Retry-After"]) wrong.push(`${name} ${status}: no Retry-After`);
			if (status >= "400" && !response.content?.["application/problem+json"]) wrong.push(`${name} ${status}: no problem document`);
			examples([...at, "content"], name);
		}
		if (operation.requestBody) examples([...where, "requestBody", "content"], name);
	}

	function examples(at, name) {
		for (const [type, media] of Object.entries(spec.at(at)[0] ?? {}))
			for (const key of Object.keys(media.examples ?? {})) {
				const [example] = spec.at([...at, type, "examples", key]);
				if (!example) wrong.push(`${name}: example ${key} leads nowhere`);
				else for (const error of spec.errors([...at, type, "schema"], example.value)) wrong.push(`${name}, example ${key}: ${error}`);
			}
	}

	// ---- references lead somewhere, and what is named is used
	const used = new Set();
	(function walk(value) {
		if (value === null || typeof value !== "object") return;
		if (typeof value.$ref === "string") {
			used.add(value.$ref);
			const [target] = spec.at(value.$ref.slice(2).split("/"));
			if (target === undefined) wrong.push(`${value.$ref} leads nowhere`);
		}
		Object.values(value).forEach(walk);
	})(spec.doc);
	for (const [kind, named] of Object.entries(spec.doc.components))
		for (const name of Object.keys(named))
			if (kind !== "securitySchemes" && !used.has(`#/components/${kind}/${name}`)) wrong.push(`components/${kind}/${name} is not used`);

	return wrong;
}

const CHANGES = [
	["a route that is not described", /not described: GET \/healthz/, "  /healthz:", "  /health:"],
	["a description without a route", /no route: GET \/health /, "  /healthz:", "  /health:"],
	["another caller", /not described: POST \/v1\/renewals device/, "x-moniker-callers: [device]", "x-moniker-callers: [officer]"],
	["another bound", /not described: POST \/v1\/renewals/, "x-moniker-body-max: 16384", "x-moniker-body-max: 16385"],
	["a code that nobody has", /codes differ/, "        - KEY_REUSED", "        - KEY_RECYCLED"],
	["a reference that leads nowhere", /resolve .*Devise|leads nowhere/, 'schemas/Device" }', 'schemas/Devise" }'],
	["a schema that is not used", /schemas\/Health is not used/, 'schemas/Health"', 'schemas/Problem"'],
	["an example that does not fit", /example lot: \/quota/, "quota: 5000", "quota: 0"],
	["what is not OpenAPI", /not OpenAPI 3\.1/, "required: true\n        content:", "requires: true\n        contents:"],
	["two operations of one name", /operationId getHealth/, "operationId: getReadiness", "operationId: getHealth"],
	["a secret route that anybody may call", /security and callers differ/, "security: [{}]\n      x-moniker-callers: [any]", "x-moniker-callers: [any]"],
	["an answer to what is too long that is missing", /get \/metrics: no 413/, /(  \/metrics:[^]*?)        "413": .*\n/, "$1"],
];

const [text, routesText, errorTable] = process.argv.slice(2).map((file) => readFileSync(file, "utf8"));
const routes = routesText.trim().split("\n");
const wrong = await check(text, routes, errorTable);
for (const [what, pattern, from, to] of CHANGES) {
	const changed = text.replace(from, to);
	const found = changed === text ? ["nothing was changed"] : await check(changed, routes, errorTable);
	if (!found.some((one) => pattern.test(one))) wrong.push(`the check does not find ${what}: ${found.join("; ").slice(0, 300)}`);
}
console.log(wrong.join("\n") || `the description is right: ${routes.length} routes`);
process.exit(wrong.length > 0 ? 1 : 0);
