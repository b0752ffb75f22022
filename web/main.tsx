import { render } from "hono/jsx/dom";
import { App } from "./app.tsx";
import { Dashboard } from "./dashboard.ts";
import { theme } from "./theme.ts";
import { takeTokenFromAddress } from "./token.ts";

theme.restore();
takeTokenFromAddress();
const url = new URL("v1/live", location.href.split("#")[0]);
url.protocol = url.protocol.replace("http", "ws");
render(<App dashboard={new Dashboard(url.href)} />, document.getElementById("app") as HTMLElement);
