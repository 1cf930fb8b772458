/* What the pages gain from JavaScript. Everything works without it: each module only makes a plain form, link or
   <details> quicker to use. No framework; nothing inline, so that the strict content policy holds. */
document.documentElement.classList.add("js");
import "./dialogs.js";
import "./menus.js";
import "./theme.js";
import "./fields.js";
import "./orders.js";
import "./keys.js";
import "./poll.js";
import "./copy.js";
