// Says on the page that a security key did not answer.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const place = document.getElementById("key-trouble");
  if (place) place.hidden = false;
});
