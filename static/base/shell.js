// What every page does: menus, keys, palette, toasts, clock. One module each.
import "./menus.js";
import "./keys.js";
import "./palette.js";
import "./toasts.js";
import "./clock.js";
import "./tables.js";
import "./tabs.js";
import "./live.js";
