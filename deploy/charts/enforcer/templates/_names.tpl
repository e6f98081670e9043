{{/*
There is one enforcer on a node: one socket, one set of pins, one entry in the CNI configuration. So its objects have fixed names, and a
second release in the same cluster is refused by Helm instead of fighting with the first one.
*/}}

{{- define "enforcer.selector" -}}
app.kubernetes.io/name: enforcer
app.kubernetes.io/component: agent
{{- end -}}

{{- define "enforcer.labels" -}}
{{ include "enforcer.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "enforcer.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The address as a URL has it. */}}
{{- define "enforcer.metricsAddress" -}}
{{- if eq .Values.metrics.address "::" -}}
[::]:{{ .Values.metrics.port }}
{{- else -}}
{{ .Values.metrics.address }}:{{ .Values.metrics.port }}
{{- end -}}
{{- end -}}

{{/* Where kubelet, on the same node, finds the agent. */}}
{{- define "enforcer.probeHost" -}}
{{- if eq .Values.metrics.address "::" -}}
::1
{{- else -}}
127.0.0.1
{{- end -}}
{{- end -}}
