package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class CudaFunctionTest {
  private StubDriver stub;
  private Context context;

  @BeforeEach
  void open() {
    stub = new StubDriver();
    context = Context.open(0);
  }

  @AfterEach
  void closeAndCount() {
    context.close();
    assertThat(stub.openHandles()).isZero();
  }

  @Test
  void aLaunchPassesGridSharedMemoryAndStruct() {
    CudaFunction function = load("kernels").function("rmsNorm");
    Arguments arguments = Arguments.of(64);
    arguments.reset().int32(1).pointer(2);

    function.launch(
        context.stream(), 3, 4, 5, 256, 1024, arguments.reset().pointer(77).float32(0.5f));

    assertThat(stub.calls()).contains("launch(3,4,5/256,1,1/1024)");
    assertThat(stub.arguments().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(77);
    assertThat(stub.arguments().get(ValueLayout.JAVA_FLOAT, 8)).isEqualTo(0.5f);
  }

  @Test
  void aRefusedLaunchNamesTheKernelAndItsGrid() {
    CudaFunction function = load("kernels").function("rmsNorm");
    stub.fail("launch", 701);

    assertThatThrownBy(() -> function.launch(context.stream(), 3, 1, 1, 2048, 9, Arguments.of(64)))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("cuLaunchKernel of rmsNorm failed with error 701")
        .hasMessageContaining("3 x 1 x 1 blocks of 2048 threads with 9 bytes");
  }

  @Test
  void whatTheCompilerMadeOfItCanBeAsked() {
    CudaFunction function = load("kernels").function("rmsNorm");

    assertThat(function.name()).isEqualTo("rmsNorm");
    assertThat(function.maxThreads()).isEqualTo(1000);
    assertThat(function.sharedBytes()).isEqualTo(1001);
    assertThat(function.localBytes()).isEqualTo(1003);
    assertThat(function.registers()).isEqualTo(1004);
    function.allowSharedBytes(98_304);
    assertThat(stub.calls()).contains("cuFuncSetAttribute");
  }

  @Test
  void aKernelThatIsNotThereIsNamed() {
    CudaModule module = load("kernels");

    assertThatThrownBy(() -> module.function("layerNorm"))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("CUDA_ERROR_NOT_FOUND")
        .hasMessageContaining("kernel layerNorm asked for")
        .hasMessageContaining("different versions");
  }

  @Test
  void aBinaryForAnotherGpuIsRefused() {
    assertThatThrownBy(() -> load("nothing"))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("CUDA_ERROR_INVALID_IMAGE")
        .hasMessageContaining("update the NVIDIA driver");
    assertThat(context.openResources()).isZero();
  }

  @Test
  void aKernelEndsWithItsModule() {
    CudaModule module = load("kernels");
    CudaFunction function = module.function("rmsNorm");
    CudaStream stream = context.stream();
    Arguments arguments = Arguments.of(64);
    module.close();

    assertThatThrownBy(() -> function.launch(stream, 1, 1, 1, 1, 0, arguments))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the module is closed");
    assertThat(stub.calls()).containsSubsequence("cuStreamSynchronize", "cuModuleUnload");
  }

  /** The image lies in an array, without the zero that ends PTX. */
  private CudaModule load(String image) {
    return context.load(MemorySegment.ofArray(image.getBytes(StandardCharsets.UTF_8)));
  }
}
