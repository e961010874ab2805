// What a page tries with a recorder; what came of each.
async (base) => {
  const post = (type, body, more) => ({
    method: "POST", headers: { "Content-Type": type }, body: JSON.stringify(body), ...more,
  });
  const json = (body) => post("application/json", body);
  const plain = (body) => post("text/plain", body, { mode: "no-cors" });
  const agent = { "User-Agent": "ELECTRON", "Content-Type": "application/json" };
  const asked = {
    start: ["/api/recording/start", json({ mint_id: "MINT" })],
    blindStart: ["/api/recording/start", plain({ mint_id: "MINT" })],
    agentStart: ["/api/recording/start", { ...json({ mint_id: "MINT" }), headers: agent }],
    stop: ["/api/recording/stop", json({ mint_id: "running" })],
    tick: ["/api/depin/tick", { method: "POST" }],
    folder: ["/api/recording/set-output-directory", json({ directory: "/tmp" })],
    delete: ["/api/recordings/ended", { method: "DELETE" }],
    status: ["/api/recording/status/running", {}],
    settings: ["/api/settings", {}],
    history: ["/api/recordings", {}],
    token: ["/api/live/token/MINT", {}],
    viewing: ["/api/live-sessions/start", json({ mint_id: "MINT" })],
    file: ["/api/recordings/ended/file", {}],
  };
  const told = {};
  for (const [name, [path, options]] of Object.entries(asked)) {
    // A page reads an answer, or it is told that it may not: that is all it ever learns.
    const read = (a) => (a.ok ? "read" : a.type === "opaque" ? "sent" : `refused ${a.status}`);
    told[name] = await fetch(base + path, options).then(read, () => "nothing");
  }
  const loaded = (element, source) => new Promise((done) => {
    element.onload = () => done("shown");
    element.onerror = () => done("nothing");
    element.src = source;
  });
  told.preview = await loaded(new Image(), `${base}/api/recording/preview/running.jpg`);
  told.thumbnail = await loaded(new Image(), `${base}/api/recordings/ended/thumbnail.jpg`);
  told.icon = await loaded(new Image(), `${base}/dashboard/icon.svg`);
  told.events = await new Promise((done) => {
    const source = new EventSource(`${base}/api/events`);
    source.onopen = () => done("read");
    source.onerror = () => { source.close(); done("nothing"); };
  });
  return told;
}
