// Tests launch cdpmux-chrome by it; its own Chrome is never downloaded.
module.exports = { skipDownload: true };
