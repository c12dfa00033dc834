// Limits of this room alone. Those that others must fit stand in base/limits.h.
#pragma once

#include "base/limits.h"

namespace vortex::net {

// A connection that was never busy holds no more than this for receiving.
inline constexpr std::size_t kReceiveBufferMin = 1 * kKiB;
static_assert(kReceiveBufferMin < kReceiveBuffer);
// Behind a large payload another one is likely: read little, so that it need not be moved.
inline constexpr std::size_t kReadBeforePayload = 4 * kKiB;
inline constexpr std::size_t kLargePayload = 64 * kKiB;

// Small frames are gathered up to this size, and so much leaves in one write.
inline constexpr std::size_t kSegmentSize = 64 * kKiB;
inline constexpr std::size_t kWriteBatch = 1 * kMiB;
inline constexpr std::size_t kWritePiecesMax = 256;
static_assert(kSegmentSize <= kWriteBatch);

// Answers that a peer has not read yet. Beyond the first bound its requests are answered `busy`, beyond the second its
// answers turn into `busy`, beyond the third nothing more is read from it. A peer that keeps to its window never comes
// to the third, so two honest ends cannot stop each other.
inline constexpr std::size_t kAnswersBusy = kConnectionBytesMax;
inline constexpr std::size_t kAnswersMax = kAnswersBusy + kPayloadMax + kFrameBodyMax;
inline constexpr std::size_t kAnswersStop = kAnswersMax + 4 * kMiB;
// Answers up to this size, pongs among them, always find room; what bounds them is that nothing more is read.
inline constexpr std::size_t kSmallAnswer = 1 * kKiB;
static_assert(kAnswersStop - kAnswersMax > kConnectionRequestsMax * kSmallAnswer, "a window of small answers fits");
// Of what a node has in flight, clients and joiners together have this much at most: the rest is there for members.
inline constexpr std::size_t kGuestRequestsMax = kNodeRequestsMax / 4 * 3;
inline constexpr std::size_t kGuestBytesMax = kNodeBytesMax / 4 * 3;
static_assert(kGuestRequestsMax >= kConnectionRequestsMax && kGuestBytesMax >= kConnectionBytesMax);
// When the answers to guests have used up their share, nothing more is read from those that leave more than this
// unread.
inline constexpr std::size_t kGuestAnswersShare = 64 * kKiB;
// Calls that wait for room in the window of one connection, or until there is one.
inline constexpr std::size_t kWaitingCallsMax = 16 * 1024;

inline constexpr std::uint32_t kBusyRetryMs = 50;
// No peer can put anybody off for longer than this.
inline constexpr std::uint32_t kRetryAfterMaxMs = 60'000;

inline constexpr Duration kCallTimeout = seconds(10);
inline constexpr Duration kCallTimeoutMax = std::chrono::hours(1);

// After this long without a byte a ping is sent, and after that long without an answer the peer is given up.
inline constexpr Duration kPingAfter = seconds(15);
inline constexpr Duration kPingPatience = seconds(10);
// Whose time is over gets this much more: if it was we who slept, what came meanwhile is read first.
inline constexpr Duration kSecondLook = milliseconds(200);
static_assert(kSecondLook < kPingPatience);
// A write may take so long, and more for a large one.
inline constexpr Duration kWritePatience = seconds(30);
inline constexpr std::size_t kSlowestBytesPerSecond = 64 * kKiB;
// So long may a frame take from its beginning to its end, and longer in the same way.
inline constexpr Duration kReadPatience = kWritePatience;
// What a closing connection may take to send its last words.
inline constexpr Duration kLinger = milliseconds(500);

inline constexpr Duration kHandshakePatience = seconds(5);
// Connections that have not proven anything yet; beyond this the oldest of them goes.
inline constexpr std::size_t kHandshakesMax = 512;
inline constexpr Duration kAcceptRetry = milliseconds(100);
// A handshake costs a fraction of a millisecond before anything is proven. So many may begin each second: by one host,
// and by all hosts together from which no member ever came.
inline constexpr double kHostHandshakesPerSecond = 500;
inline constexpr double kHostHandshakesAtOnce = 1000;
inline constexpr double kStrangerHandshakesPerSecond = 1000;
inline constexpr double kStrangerHandshakesAtOnce = 2000;
static_assert(kHostHandshakesPerSecond <= kStrangerHandshakesPerSecond);
inline constexpr std::size_t kHostsMax = 4096;
static_assert(kHostsMax > kHandshakesMax, "whose handshakes are under way is never forgotten");
inline constexpr std::size_t kMemberHostsMax = 64 * 1024;
// What handshakes still under way have to know when they end.
inline constexpr std::size_t kDismissalsMax = 1024;

// Dialling and handshake together.
inline constexpr Duration kConnectPatience = seconds(5);
inline constexpr Duration kBackoffMin = milliseconds(100);
inline constexpr Duration kBackoffMax = seconds(10);
// A connection that ended sooner counts as a failure to connect.
inline constexpr Duration kShortLife = seconds(1);
inline constexpr Duration kIdleClose = seconds(90);
inline constexpr Duration kTidyPeriod = seconds(10);
inline constexpr std::size_t kPeersMax = 64 * 1024;
// Clients and joiners together, so that they cannot keep members out.
inline constexpr std::size_t kGuestConnectionsMax = kNodeConnectionsMax / 2;
inline constexpr std::size_t kLinksMax = kNodeConnectionsMax / 2;
// Beyond that, connections that have been told to go and are not gone yet.
inline constexpr std::size_t kLinksClosingMax = 64;
static_assert(kIdleClose > kPingAfter);

}  // namespace vortex::net
