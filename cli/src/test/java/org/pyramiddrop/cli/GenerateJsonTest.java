package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.CutTokens;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.Timings;
import org.pyramiddrop.transformer.TokenLogit;
import org.pyramiddrop.transformer.pruning.Flops;
import org.pyramiddrop.transformer.pruning.Place;

class GenerateJsonTest {

  @Test
  void everyImageHasAListOfItsKeptIndicesAlsoIfItIsTheOnlyOne() {
    Answer answer =
        answer(
            List.of(
                new Stage(0, 3, List.of(List.of(0, 1, 2))), new Stage(4, 1, List.of(List.of(2)))));

    assertThat(Json.write(GenerateJson.of(answer, 1.5, "cpu", "bfloat16")))
        .isEqualTo(
            "{\"answer\":\"2 7\",\"finish\":\"stop\",\"tokenIds\":[5,6],\"promptTokens\":10,\"imageTokens\":3,"
                + "\"stages\":[{\"firstLayer\":0,\"imageTokens\":3,\"kept\":[[0,1,2]]},"
                + "{\"firstLayer\":4,\"imageTokens\":1,\"kept\":[[2]]}],"
                + "\"logits\":[{\"id\":5,\"value\":1.25}],"
                + "\"flops\":{\"paper\":10.0,\"total\":30.0},"
                + "\"millis\":{\"load\":1.5,\"vision\":2.0,\"prefill\":3.0,\"decode\":4.0},"
                + "\"backend\":\"cpu\",\"dtype\":\"bfloat16\"}");
  }

  @Test
  void severalImagesHaveOneListEach() {
    Answer answer = answer(List.of(new Stage(0, 3, List.of(List.of(0, 1), List.of(0)))));

    assertThat(Json.write(GenerateJson.of(answer, 1.5, "cpu", "bfloat16")))
        .contains("\"kept\":[[0,1],[0]]");
  }

  @Test
  void cutsBeforeTheDecoderSayWhatTheyKeptAndMerged() {
    Answer plain = answer(List.of(new Stage(0, 2, List.of(List.of(4, 0)))));
    List<CutTokens> cuts =
        List.of(
            new CutTokens(
                new Place.Tower(),
                List.of(List.of(4, 0, 2)),
                List.of(List.of(0, 2)),
                List.of(List.of(List.of(1, 3), List.of()))),
            new CutTokens(
                new Place.Projector(),
                List.of(List.of(4, 0)),
                List.of(List.of()),
                List.of(List.of())));
    Answer answer =
        new Answer(
            plain.text(),
            plain.tokenIds(),
            plain.finish(),
            10,
            5,
            plain.stages(),
            plain.logits(),
            plain.flops(),
            plain.timings(),
            plain.kvBytes(),
            List.of(),
            cuts);

    assertThat(Json.write(GenerateJson.of(answer, 1.5, "cpu", "bfloat16")))
        .contains(
            "\"cuts\":[{\"place\":\"tower\",\"kept\":[[4,0,2]],\"merged\":[[[1,3],[]]]},"
                + "{\"place\":\"projector\",\"kept\":[[4,0]],\"merged\":[[]]}],\"stages\"");
  }

  @Test
  void noImageHasNoIndices() {
    Answer answer = answer(List.of(new Stage(0, 0, List.of())));

    assertThat(Json.write(GenerateJson.of(answer, 1.5, "cpu", "bfloat16"))).contains("\"kept\":[]");
  }

  private static Answer answer(List<Stage> stages) {
    return new Answer(
        "2 7",
        List.of(5, 6),
        Finish.STOP,
        10,
        3,
        stages,
        List.of(new TokenLogit(5, 1.25f)),
        new Flops(10, 30),
        new Timings(2, 3, 4),
        100);
  }
}
