// A shop that OpenTelemetry instruments, whose histograms are exponential: Prometheus scrapes them as native ones.
package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
)

var statuses = map[string]int{
	"/pay": 200, "/fails": 500, "/limited": 429, "/left": 499, "/items/{item}": 200, "/healthz": 200,
}

func main() {
	exporter, err := prometheus.New(prometheus.WithAggregationSelector(exponential))
	if err != nil {
		panic(err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter))
	all := http.NewServeMux()
	all.Handle("/metrics", promhttp.Handler())
	all.Handle("/", otelhttp.NewHandler(shop(), "shop", otelhttp.WithMeterProvider(provider)))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, all))
}

func exponential(kind metric.InstrumentKind) metric.Aggregation {
	if kind == metric.InstrumentKindHistogram {
		return metric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	}
	return metric.DefaultAggregationSelector(kind)
}

func shop() http.Handler {
	mux := http.NewServeMux()
	for path, status := range statuses {
		mux.HandleFunc("GET "+path, func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(status) })
	}
	mux.HandleFunc("GET /slow", func(http.ResponseWriter, *http.Request) { time.Sleep(400 * time.Millisecond) })
	mux.HandleFunc("GET /crashes", func(http.ResponseWriter, *http.Request) { panic("as asked") })
	return mux
}
