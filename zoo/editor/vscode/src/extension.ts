// A client of `zoo lsp`, and the picture beside the text. All else is the server's.

import * as vscode from "vscode";
import { LanguageClient, LanguageClientOptions, ServerOptions } from "vscode-languageclient/node";

interface Preview {
  title: string;
  svg: string;
  html: string;
  wrong: string;
}

const WAIT = 150; // milliseconds without a keystroke before the picture is drawn anew

let client: LanguageClient | undefined;
const pictures = new Map<string, vscode.WebviewPanel>();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  context.subscriptions.push(
    vscode.commands.registerCommand("speczoo.preview", () => draw(vscode.window.activeTextEditor?.document.uri.toString())),
    vscode.commands.registerCommand("speczoo.restart", restart),
    vscode.workspace.onDidChangeTextDocument((event) => later(event.document.uri.toString())),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("speczoo.command")) {
        void restart();
      }
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.stop();
}

async function start(): Promise<void> {
  const [command, ...args] = vscode.workspace.getConfiguration("speczoo").get<string[]>("command", ["zoo", "lsp"]);
  const server: ServerOptions = { command, args };
  const options: LanguageClientOptions = {
    documentSelector: ["yaml", "json"].flatMap((language) => [
      { scheme: "file", language },
      { scheme: "untitled", language },
    ]),
    middleware: {
      executeCommand: async (name, parameters, next) => {
        const [uri, variant] = parameters as [string, string | null];
        if (name === "speczoo.draw") {
          return draw(uri);
        }
        if (name === "speczoo.run") {
          return run(uri, variant);
        }
        if (name === "speczoo.source") {
          return source(await next(name, parameters));
        }
        return next(name, parameters);
      },
    },
  };
  client = new LanguageClient("speczoo", "speczoo", server, options);
  try {
    await client.start();
  } catch {
    const message = `\`${command}\` did not start: pip install 'speczoo[editor]', or say where it is in speczoo.command.`;
    if ((await vscode.window.showErrorMessage(message, "Settings")) !== undefined) {
      await vscode.commands.executeCommand("workbench.action.openSettings", "speczoo.command");
    }
  }
}

async function restart(): Promise<void> {
  await client?.stop();
  await start();
}

/** Build the network in a terminal, from its file as it was saved last. */
async function run(uri: string, variant: string | null): Promise<void> {
  const file = vscode.Uri.parse(uri);
  await (await vscode.workspace.openTextDocument(file)).save();
  const [command] = vscode.workspace.getConfiguration("speczoo").get<string[]>("command", ["zoo", "lsp"]);
  const target = variant === null ? file.fsPath : `${file.fsPath}:${variant}`;
  const execution = new vscode.ProcessExecution(command, ["build", target]);
  const task = new vscode.Task({ type: "speczoo" }, vscode.TaskScope.Workspace, `build ${variant ?? ""}`, "speczoo", execution);
  await vscode.tasks.executeTask(task);
}

/** Show the Python code of the network beside the text. */
async function source(text: unknown): Promise<void> {
  if (typeof text === "string" && text !== "") {
    const document = await vscode.workspace.openTextDocument({ language: "python", content: text });
    await vscode.window.showTextDocument(document, vscode.ViewColumn.Beside);
  }
}

/** Show the picture of a text beside it, as long as one types. */
async function draw(uri: string | undefined): Promise<void> {
  if (uri === undefined) {
    return;
  }
  let panel = pictures.get(uri);
  if (panel === undefined) {
    const beside = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    panel = vscode.window.createWebviewPanel("speczoo.picture", "Network", beside, { enableScripts: false });
    panel.onDidDispose(() => pictures.delete(uri));
    pictures.set(uri, panel);
  }
  panel.reveal(undefined, true);
  await redraw(uri);
}

const waiting = new Map<string, NodeJS.Timeout>();

function later(uri: string): void {
  if (pictures.has(uri)) {
    clearTimeout(waiting.get(uri));
    waiting.set(uri, setTimeout(() => void redraw(uri), WAIT));
  }
}

async function redraw(uri: string): Promise<void> {
  const shown = await client?.sendRequest<Preview>("speczoo/preview", { uri });
  const panel = pictures.get(uri);
  if (shown !== undefined && panel !== undefined) {
    panel.title = shown.title;
    panel.webview.html = page(shown);
  }
}

/** A page with the picture alone: no script of it runs, and nothing is fetched. */
function page(shown: Preview): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'";
  const wrong = shown.wrong === "" ? "" : `<pre role="alert">${escaped(shown.wrong)}</pre>`;
  const look = "body{padding:1em}svg{max-width:100%;height:auto}pre{color:var(--vscode-errorForeground)}";
  const head = `<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">`;
  return `<!doctype html><html lang="en"><head>${head}<style>${look}</style></head><body>${wrong}${shown.svg}</body></html>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
