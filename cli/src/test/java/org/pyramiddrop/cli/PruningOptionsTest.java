package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class PruningOptionsTest {

  @ParameterizedTest
  @MethodSource
  void flagsMakeThePlanTheyName(String flags, PruningPlan plan) {
    assertThat(plan(flags)).isEqualTo(plan);
  }

  static Stream<Arguments> flagsMakeThePlanTheyName() {
    return Stream.of(
        Arguments.of("", PruningPlan.pyramid(4, 0.5)),
        Arguments.of("--pruning none", PruningPlan.none()),
        Arguments.of("--stages 3 --lambda .6", PruningPlan.pyramid(3, 0.6)),
        Arguments.of("--profile paper", PruningPlan.pyramid(4, 0.5)),
        Arguments.of("--profile released --lambda .4", PruningPlan.released(4, 0.4)),
        Arguments.of(
            "--ranking next-stage --positions keep",
            PruningPlan.pyramid(4, 0.5)
                .withRanking(Ranking.NEXT_STAGE)
                .withPositions(Positions.KEEP)),
        Arguments.of(
            "--drop-layers 8,16,24 --keep-ratios .5,.25,.125",
            PruningPlan.explicit(List.of(8, 16, 24), List.of(.5, .25, .125))),
        Arguments.of(
            "--drop-layers 8,16 --keep-ratios .5,.25 --profile released",
            PruningPlan.released(List.of(8, 16), List.of(.5, .25))),
        Arguments.of("--drop-layers 8,16", PruningPlan.pyramid(List.of(8, 16), 0.5)),
        Arguments.of("--drop-layers 8 --lambda .3", PruningPlan.pyramid(List.of(8), 0.3)),
        Arguments.of("--pruning fastv", PruningPlan.fastV(2, 0.5)),
        Arguments.of(
            "--pruning fastv --fastv-layer 3 --fastv-ratio .75", PruningPlan.fastV(3, 0.75)),
        Arguments.of(
            "--plan visionzip:54+10,pyramid:4:0.5",
            PruningPlan.visionZip(54, 10).then(PruningPlan.pyramid(4, 0.5))),
        Arguments.of(
            "--plan divprune:64,pyramid:4:0.5 --ranking next-stage --positions keep",
            PruningPlan.divPrune(64)
                .then(PruningPlan.pyramid(4, 0.5))
                .withRanking(Ranking.NEXT_STAGE)
                .withPositions(Positions.KEEP)),
        Arguments.of(
            "--pruning fastv --positions renumber",
            PruningPlan.fastV(2, 0.5).withPositions(Positions.RENUMBER)));
  }

  @ParameterizedTest
  @CsvSource({
    "--plan divprune:8 --pruning none, --pruning doesn't go with --plan",
    "--plan divprune:8 --lambda .5, --lambda doesn't go with --plan",
    "--plan divprune:8 --fastv-layer 2, --fastv-layer doesn't go with --plan",
    "--plan divprune:8 --profile released, --profile doesn't go with --plan",
    "--plan divprune:8 --ranking stage-end, --ranking doesn't go with a --plan that cuts nothing in the decoder",
    "--fastv-layer 3, --fastv-layer doesn't go with --pruning pyramid",
    "--fastv-ratio .3 --pruning pyramid, --fastv-ratio doesn't go with --pruning pyramid",
    "--pruning fastv --stages 3, --stages doesn't go with --pruning fastv",
    "--pruning fastv --lambda .5, --lambda doesn't go with --pruning fastv",
    "--pruning fastv --profile paper, --profile doesn't go with --pruning fastv",
    "--pruning none --lambda .5, --lambda doesn't go with --pruning none",
    "--pruning none --fastv-layer 3, --fastv-layer doesn't go with --pruning none",
    "--pruning none --ranking stage-end, --ranking doesn't go with --pruning none",
    "--pruning none --positions keep, --positions doesn't go with --pruning none",
    "--profile released --ranking stage-end, --ranking doesn't go with --profile",
    "--profile paper --positions keep, --positions doesn't go with --profile",
    "--keep-ratios .5, --keep-ratios needs --drop-layers",
    "--drop-layers 8 --stages 3, --stages doesn't go with --drop-layers",
    "--drop-layers 8 --keep-ratios .5 --lambda .5, --lambda doesn't go with --keep-ratios",
    "--drop-layers 8 --profile released, --profile released with --drop-layers needs --keep-ratios",
  })
  void refusesFlagsThatContradict(String flags, String message) {
    assertThatThrownBy(() -> plan(flags)).isInstanceOf(UsageException.class).hasMessage(message);
  }

  @Test
  void refusesListsOfDifferentLengths() {
    assertThatThrownBy(() -> plan("--drop-layers 8,16 --keep-ratios .5"))
        .hasMessage("2 drop layers need as many keep ratios, got 1");
  }

  private static PruningPlan plan(String flags) {
    Holder holder = new Holder();
    new CommandLine(holder).parseArgs(flags.isEmpty() ? new String[0] : flags.split(" ", -1));
    return holder.options.plan();
  }

  @Command
  private static final class Holder {
    @Mixin private PruningOptions options = new PruningOptions();
  }
}
