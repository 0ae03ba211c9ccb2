package org.pyramiddrop.training.files;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigDtypeTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"torch_dtype\": \"float32\"} | {\"torch_dtype\": \"bfloat16\"}",
        "{ \"dtype\":null , \"ä\": 1e-05}N | { \"dtype\":\"bfloat16\" , \"ä\": 1e-05}N",
        "{\"a\": [\"dtype\", {\"dtype\": 7}], \"dtype\": \"x\"}"
            + " | {\"a\": [\"dtype\", {\"dtype\": \"bfloat16\"}], \"dtype\": \"bfloat16\"}",
        "{\"text_config\": {\"torch_dtype\": \"float16\", \"n\": 1.50}, \"x\": 1}"
            + " | {N  \"torch_dtype\": \"bfloat16\",\"text_config\": {\"torch_dtype\": \"bfloat16\","
            + " \"n\": 1.50}, \"x\": 1}",
        "{N  \"a\": \"größe 🙂\",N  \"torch_dtype\": \"float16\"N}"
            + " | {N  \"a\": \"größe 🙂\",N  \"torch_dtype\": \"bfloat16\"N}",
        "{\"dtype\": \"a\\\"b\", \"torch_dtype\": \"long, long\"}"
            + " | {\"dtype\": \"bfloat16\", \"torch_dtype\": \"bfloat16\"}",
        "{\"bnb_4bit_compute_dtype\": \"x\", \"dtype\": {\"x\": 1}, \"torch_dtype\": \"y\"}"
            + " | {\"bnb_4bit_compute_dtype\": \"x\", \"dtype\": {\"x\": 1}, \"torch_dtype\":"
            + " \"bfloat16\"}",
      })
  void changesTheTypeAndNothingElse(String before, String after) {
    byte[] changed =
        ConfigDtype.set(before.replace('N', '\n').getBytes(StandardCharsets.UTF_8), "bfloat16");
    assertThat(new String(changed, StandardCharsets.UTF_8)).isEqualTo(after.replace('N', '\n'));
  }
}
