// An option is found as it is written. The search takes a dash before a word for "without", so `--opacity` would find nothing
// and `--quiet-below` all pages without these words. Here the last word must be in the text, perhaps half typed, and pages
// with all of the words come first.
(() => {
  const QUERY = 2; // Material's kind of message to its search worker
  const asked = (option) => {
    const words = option.split("-").filter(Boolean);
    return `${words.map((word) => `${word}^5000`).join(" ")} +${words.at(-1)}*`;
  };
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...more) {
    if (message?.type === QUERY) {
      const data = message.data.replace(/(^|\s)--(\w[\w-]*)/g, (_, before, option) => before + asked(option));
      message = { ...message, data };
    }
    return post.call(this, message, ...more);
  };
})();
