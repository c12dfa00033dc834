#include "net/switchboard.h"

namespace vortex::net {

NetMetrics::NetMetrics(Metrics& m)
    : bytes_in(m.counter("vortex_net_received_bytes_total", "bytes read from peers")),
      bytes_out(m.counter("vortex_net_sent_bytes_total", "bytes written to peers")),
      reads(m.counter("vortex_net_reads_total", "reads that gave bytes")),
      writes(m.counter("vortex_net_writes_total", "writes, each of one or many frames")),
      frames_in(m.counter("vortex_net_received_frames_total", "frames received")),
      calls(m.counter("vortex_net_calls_total", "requests sent")),
      calls_timed_out(m.counter("vortex_net_calls_timed_out_total", "requests sent whose deadline passed")),
      calls_cancelled(m.counter("vortex_net_calls_cancelled_total", "requests sent and given up by the caller")),
      calls_cut_off(m.counter("vortex_net_calls_cut_off_total", "requests whose connection ended before the answer")),
      requests(m.counter("vortex_net_requests_total", "requests received")),
      refused_busy(m.counter("vortex_net_requests_busy_total", "requests answered busy")),
      refused_permission(m.counter("vortex_net_requests_denied_total", "requests the caller may not make")),
      requests_expired(
          m.counter("vortex_net_requests_expired_total", "requests whose deadline passed before an answer")),
      requests_cancelled(m.counter("vortex_net_requests_cancelled_total", "requests the caller gave up")),
      malformed(m.counter("vortex_net_malformed_total", "connections closed because of what came over them")),
      stale_answers(m.counter("vortex_net_stale_answers_total", "answers nobody waited for any more")),
      reading_stopped(m.counter("vortex_net_reading_stopped_total", "times a peer did not take its answers")),
      accepted(m.counter("vortex_net_accepted_total", "connections accepted")),
      accept_failed(m.counter("vortex_net_accept_failed_total", "failures to accept a connection")),
      handshakes_failed(m.counter("vortex_net_handshakes_failed_total", "connections that did not prove who they are")),
      handshakes_evicted(m.counter("vortex_net_handshakes_evicted_total", "unproven connections closed to make room")),
      handshakes_delayed(
          m.counter("vortex_net_handshakes_delayed_total", "unproven connections that had to wait for their turn")),
      connects(m.counter("vortex_net_connects_total", "connections made to peers")),
      connects_failed(m.counter("vortex_net_connects_failed_total", "failures to connect to a peer")),
      channels(m.gauge("vortex_net_channels", "connections in use")) {}

Switchboard::Switchboard(Env& e, const Dispatcher& d) : env(e), dispatcher(d), metrics(e.metrics()) {}

}  // namespace vortex::net
