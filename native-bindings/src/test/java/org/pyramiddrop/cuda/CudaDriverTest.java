package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.cuda.CudaStatus.Ready;
import org.pyramiddrop.cuda.CudaStatus.Unavailable;

/** Each missing piece has a sentence of its own. */
final class CudaDriverTest {
  private static final String DRIVER = "pyramiddrop.cuda.driver";
  private static final String CUBLAS = "pyramiddrop.cuda.cublasLt";

  @TempDir private Path folder;

  @AfterEach
  void forgetLibraries() {
    System.clearProperty(DRIVER);
    System.clearProperty(CUBLAS);
  }

  @Test
  void aFolderWithoutADriverIsNamed() {
    System.setProperty(DRIVER, folder.toString());

    assertThat(reason())
        .startsWith("no NVIDIA driver: ")
        .contains("-Dpyramiddrop.cuda.driver", folder.toString(), "libcuda.so.1");
  }

  @Test
  void aDriverThatIsNotThereIsNamed() {
    System.setProperty(DRIVER, folder.resolve("libcuda.so.1").toString());

    assertThat(reason()).startsWith("no NVIDIA driver: ").contains("neither a file nor a folder");
  }

  @Test
  void aBrokenDriverIsNamed() throws IOException {
    Path junk = Files.writeString(folder.resolve("libcuda.so.1"), "no library at all");
    System.setProperty(DRIVER, folder.toString());

    assertThat(reason()).startsWith(junk + " can't be loaded");
  }

  @Test
  void anotherLibraryInTheDriversPlaceIsFound() {
    System.setProperty(DRIVER, NativeStub.build("cublaslt_stub", "libcuda.so.1").toString());

    assertThat(reason()).isEqualTo("the driver library that was found has no function cuInit");
  }

  @Test
  void aDriverThatDoesNotStartSaysWhy() {
    useDriver("INIT=803");

    assertThat(reason())
        .isEqualTo(
            "the NVIDIA driver does not start: cuInit says 803 (driver mismatch); see nvidia-smi");
  }

  @Test
  void aDriverWithoutAGpuSaysSo() {
    useDriver("DEVICES=0");
    assertThat(reason()).isEqualTo("the NVIDIA driver is there but sees no GPU; see nvidia-smi");

    useDriver("INIT=100");
    assertThat(reason()).isEqualTo("the NVIDIA driver is there but sees no GPU; see nvidia-smi");
  }

  @Test
  void aGpuThatIsNotThereIsRefused() {
    useDriver("DEVICES=2");

    assertThat(reason(2)).isEqualTo("there is no GPU 2: the driver sees 2, counted from 0");
    assertThat(reason(-1)).startsWith("there is no GPU -1");
  }

  @Test
  void anOldGpuIsNamedWithItsCapability() {
    useDriver("CAPABILITY=75");

    assertThat(reason())
        .isEqualTo(
            "GPU 0, Stub 7, is too old: its compute capability is 7.5 and the kernels need 8.0");
  }

  @Test
  void anOldDriverIsToldWhichToInstall() {
    useDriver("VERSION=12080");

    assertThat(reason())
        .isEqualTo(
            "the NVIDIA driver is too old: it is for CUDA 12.8 and the kernels need 13.0;"
                + " install driver 580 or newer");
  }

  @Test
  void missingCublasIsNoticedOnceTheGpuWillDo() {
    useDriver();
    System.setProperty(CUBLAS, folder.toString());

    assertThat(reason())
        .startsWith("no cuBLASLt: ")
        .contains(folder.toString(), "libcublasLt.so.13 or libcublasLt.so.12");
  }

  @Test
  void oldCublasIsRefused() {
    useDriver();
    useCublas("libcublasLt.so.12", "CUBLAS_VERSION=111103");

    assertThat(reason()).contains("cuBLASLt is too old", "version 11");
  }

  @Test
  void aMachineWithEverythingIsReadyHoweverOftenItIsAsked() {
    useDriver("CAPABILITY=80", "DEVICES=3");
    useCublas("libcublasLt.so.12", "CUBLAS_VERSION=120805");

    Ready expected = new Ready("Stub 9", 80, 80L << 30, 13_000);
    assertThat(CudaDriver.probe(2)).isEqualTo(expected);
    assertThat(CudaDriver.probe(2)).isEqualTo(expected);
    assertThat(expected.describe())
        .isEqualTo("Stub 9, 80.0 GiB, compute capability 8.0, driver for CUDA 13.0");
  }

  private static void useDriver(String... definitions) {
    System.setProperty(
        DRIVER, NativeStub.build("driver_stub", "libcuda.so.1", definitions).toString());
  }

  private static void useCublas(String name, String... definitions) {
    System.setProperty(
        CUBLAS, NativeStub.build("cublaslt_stub", name, definitions).resolveSibling("").toString());
  }

  private static String reason() {
    return reason(0);
  }

  private static String reason(int ordinal) {
    CudaStatus status = CudaDriver.probe(ordinal);
    assertThat(status).isInstanceOf(Unavailable.class);
    return ((Unavailable) status).reason();
  }
}
