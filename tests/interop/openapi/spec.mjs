// An OpenAPI 3.1 description, and its schemas compiled by Ajv (JSON Schema 2020-12).
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

export const METHODS = ["get", "post", "delete", "put", "patch"];

const escape = (part) => part.replaceAll("~", "~0").replaceAll("/", "~1");

export class Spec {
	constructor(text) {
		this.doc = parse(text, { uniqueKeys: true });
		this.ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
		addFormats(this.ajv);
		this.ajv.addSchema({ ...this.doc, $id: "openapi" }, "openapi");
		this.compiled = new Map();
	}

	// What a reference leads to, and where it is: [value, path to it].
	at(path) {
		let value = this.doc;
		for (const part of path) value = value?.[part];
		if (value?.$ref === undefined) return [value, path];
		return this.at(value.$ref.slice(2).split("/").map((p) => p.replaceAll("~1", "/").replaceAll("~0", "~")));
	}

	// [] when the value fits the schema at this path, else why not.
	errors(path, value) {
		const pointer = "openapi#/" + path.map((part) => encodeURIComponent(escape(part))).join("/");
		if (!this.compiled.has(pointer)) this.compiled.set(pointer, this.ajv.compile({ $ref: pointer }));
		const validate = this.compiled.get(pointer);
		return validate(value) ? [] : validate.errors.map((e) => `${e.instancePath || "/"} ${e.message}`);
	}

	*operations() {
		for (const [path, item] of Object.entries(this.doc.paths))
			for (const method of METHODS)
				if (item[method]) yield { path, method, operation: item[method], where: ["paths", path, method] };
	}

	// The operation that a request is for, or null.
	find(method, path) {
		for (const found of this.operations()) {
			const rest = (this.doc.paths[found.path].parameters ?? []).some((p) => p["x-moniker-rest"]); // the last one has slashes
			const parts = found.path.split(/\{[^}]+\}/).map((p) => p.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
			const pattern = rest ? `${parts.slice(0, -1).join("[^/]+")}.+${parts.at(-1)}` : parts.join("[^/]+");
			if (found.method === method.toLowerCase() && new RegExp(`^${pattern}$`).test(path)) return found;
		}
		return null;
	}
}
