// A file larger than its field takes is refused before it is sent: the server only cuts the line. <input type="file" data-most="10485760">
document.addEventListener("change", ({ target }) => {
  if (target.type !== "file" || !target.dataset.most) return;
  const most = Number(target.dataset.most), mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  const large = [...target.files].find((file) => file.size > most);
  target.setCustomValidity(large ? `${large.name} has ${mb(large.size)}: at most ${mb(most)}.` : "");
  target.reportValidity();
});
