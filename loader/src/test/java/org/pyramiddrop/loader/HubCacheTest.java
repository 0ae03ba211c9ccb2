package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HubCacheTest {
  @TempDir Path cache;

  private Path version(String hash, long changed) throws IOException {
    Path folder = cache.resolve("models--llava-hf--llava-1.5-7b-hf/snapshots").resolve(hash);
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"llava\"}");
    Files.setLastModifiedTime(folder, FileTime.fromMillis(changed));
    return folder;
  }

  @Test
  void pointsAtTheNewestVersionWhereACacheFolderIsGiven() throws IOException {
    version("aaaa", 2000);
    Path newest = version("bbbb", 3000);
    version("cccc", 1000);
    Path model = cache.resolve("models--llava-hf--llava-1.5-7b-hf");
    Files.createDirectories(model.resolve("snapshots/dddd"));
    for (Path given : new Path[] {model, model.resolve("snapshots")}) {
      String wanted = given + ": is a folder of the Hugging Face cache; give " + newest;
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> LlavaConfig.read(given))
          .withMessage(wanted);
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> Checkpoint.open(given).close())
          .withMessage(wanted);
    }
    assertThat(LlavaConfig.read(newest).modelType()).isEqualTo("llava");
  }

  @Test
  void hasNothingToSayOfOtherFolders() throws IOException {
    assertThat(HubCache.hint(cache)).isEmpty();
    assertThat(HubCache.hint(cache.resolve("none"))).isEmpty();
    Files.createDirectories(cache.resolve("snapshots/empty"));
    assertThat(HubCache.hint(cache)).isEmpty();
    Path model = version("aaaa", 1000);
    assertThat(HubCache.hint(model)).isEmpty();
  }
}
