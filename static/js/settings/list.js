// The list of channels: drawn by the server, its times by the reader's clock.

import { begin } from "./common.js";

begin();
