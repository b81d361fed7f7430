/**
 * Preloaded into a process under measurement (`node --import`): tells its parent what CPU a stretch of time took and for how
 * long its event loop stood still. A timer of 1 ms sees that for a thousandth of the CPU that perf_hooks' histogram takes.
 */

export interface Watched {
  /** Of all threads, ms. */
  cpu: number;
  /** Longest time between two turns of the timer, less the 1 ms that it is set to. */
  block: number;
  /** The same in CPU of the main thread: what is left when other processes took the core in between. */
  blockCpu: number;
  rss: number;
}

const TURN = 1;
let lastTime = performance.now();
let lastCpu = process.threadCpuUsage();
let [block, blockCpu] = [0, 0];
let began = process.cpuUsage();

function turn(): void {
  const [time, cpu] = [performance.now(), process.threadCpuUsage()];
  block = Math.max(block, time - lastTime - TURN);
  blockCpu = Math.max(blockCpu, (cpu.user + cpu.system - lastCpu.user - lastCpu.system) / 1000);
  [lastTime, lastCpu] = [time, cpu];
}

if (process.send) {
  setInterval(turn, TURN).unref();
  process.on('message', (message) => {
    turn();
    const { user, system } = process.cpuUsage(began);
    const watched: Watched = { cpu: (user + system) / 1000, block, blockCpu, rss: process.memoryUsage.rss() / 2 ** 20 };
    if (message === 'begin') {
      [block, blockCpu] = [0, 0];
      began = process.cpuUsage();
    }
    process.send!(watched);
  });
  // The channel to the parent must not keep alive what would end without it.
  process.channel?.unref();
}
