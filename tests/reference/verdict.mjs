import { getOperationAST, parse, specifiedRules, validate } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

/**
 * What graphql-js says of a request before anything runs: "syntax", "invalid", "operation" (none or an unknown one was
 * chosen), "variables" or "valid". For valid ones also what it takes
 * to run them.
 */
export function verdict(schema, { query, operationName, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return { verdict: "syntax", why: error.message };
  }
  const [invalid] = faults(schema, document);
  if (invalid) return { verdict: "invalid", why: invalid.message };
  const operation = getOperationAST(document, operationName);
  if (!operation) return { verdict: "operation", why: "" };
  const { errors, coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {});
  if (errors) return { verdict: "variables", why: errors[0].message };
  return { verdict: "valid", why: "", document, operation, coerced };
}

function faults(schema, document) {
  try {
    return validate(schema, document, specifiedRules);
  } catch (error) {
    // A rule throws where @skip or @include at the root of a subscription has a variable, which is invalid anyway.
    return [error];
  }
}
