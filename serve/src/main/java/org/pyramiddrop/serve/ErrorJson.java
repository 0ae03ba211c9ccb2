package org.pyramiddrop.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/** An error as OpenAI's API gives it. */
record ErrorJson(Body error) {
  /**
   * What it says.
   *
   * @param param the parameter that is to blame, if one is
   */
  @JsonInclude(JsonInclude.Include.ALWAYS)
  record Body(String message, String type, @Nullable String param, String code) {}
}
