/** How long one try may take, ms: a frame that Chrome does not load may say nothing. */
const PATIENCE = 2_000;

/** Script that tries to read a URL in every way that a page has; its value is what it got to see. */
export function readByPage(url: string): string {
  return `(async (url) => {
    const within = (started) => Promise.race([
      new Promise(started).catch(String),
      new Promise((done) => setTimeout(done, ${PATIENCE}, 'nothing')),
    ]);
    const framed = (tag, attribute) => within((done) => {
      const frame = document.createElement(tag);
      frame.onload = frame.onerror = () => {
        try { done(frame.contentDocument.documentElement.outerHTML); } catch (error) { done(String(error)); }
      };
      frame[attribute] = url;
      document.body.append(frame);
    });
    const script = 'fetch(' + JSON.stringify(url) + ').then((r) => r.text()).then(postMessage, (e) => postMessage(String(e)))';
    return (await Promise.all([
      within((done) => fetch(url).then((answer) => answer.text()).then(done, done)),
      within((done) => {
        const request = new XMLHttpRequest();
        request.onloadend = () => done(request.responseText);
        request.open('GET', url);
        request.send();
      }),
      within((done) => {
        const worker = new Worker(URL.createObjectURL(new Blob([script])));
        worker.onmessage = ({ data }) => done(data);
        worker.onerror = ({ message }) => done(message);
      }),
      framed('iframe', 'src'),
      framed('object', 'data'),
      framed('embed', 'src'),
      within((done) => {
        const opened = window.open(url);
        setTimeout(() => { try { done(opened.document.documentElement.outerHTML); } catch (error) { done(String(error)); } }, ${PATIENCE / 2});
      }),
    ])).join(' | ');
  })(${JSON.stringify(url)})`;
}
