package org.pyramiddrop.loader;

import java.util.Locale;

/** Who speaks in a turn of a conversation. */
public enum Role {
  /** Standing instructions. */
  SYSTEM,
  /** The one who asks. */
  USER,
  /** The model. */
  ASSISTANT;

  /** Its name in chat templates. */
  String key() {
    return name().toLowerCase(Locale.ROOT);
  }
}
