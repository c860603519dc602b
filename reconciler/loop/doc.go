// Package loop brings the parts together: it loads a revision, observes,
// plans, carries out and proves, once or for ever.
//
// It is level-triggered. A push, a timer or a watch only says "look again"; what
// is done follows from what is desired and what is observed. Losing every event
// costs time and nothing else. One spec that is wrong, one binding that fails or
// one target that is down stops only what depends on it.
package loop
